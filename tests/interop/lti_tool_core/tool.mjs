// A tool on @lti-tool/core, with a storage in memory. Prints its URL, and ends when its standard input does.

import http from "node:http";
import { LTITool } from "@lti-tool/core";

const clients = [];
const nonces = new Set();
const sessions = new Map();
const storage = {
  storeNonce: async (nonce) => void nonces.add(nonce),
  validateNonce: async (nonce) => nonces.delete(nonce),
  addSession: async (session) => (sessions.set(session.id, session), session.id),
  getSession: async (id) => sessions.get(id),
  getLaunchConfig: async (iss, client, deployment) =>
    clients.find((one) => one.iss === iss && one.clientId === client && one.deploymentId === deployment),
};
const rsa = { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
const keyPair = await crypto.subtle.generateKey(rsa, true, ["sign", "verify"]);
const tool = new LTITool({ stateSecret: new TextEncoder().encode("a secret of a test, and a long one"), keyPair, storage });

const pages = {
  "/keys": () => tool.getJWKS(),
  "/host/register": (q) => {
    const urls = { authUrl: q.authorization_url, tokenUrl: q.token_url, jwksUrl: q.jwks_url };
    clients.push({ iss: q.issuer, clientId: q.client_id, deploymentId: q.deployment_id, ...urls });
    return null;
  },
  "/login": async (q, self) => ({ location: await tool.handleLogin({ ...q, launchUrl: `${self}/launch` }) }),
  "/launch": async (q) => {
    const session = await tool.createSession(await tool.verifyLaunch(q.id_token, q.state));
    const { id, user, context, resourceLink, services } = session;
    const link = { type: "ltiResourceLink", title: "Placed", lineItem: { scoreMaximum: 20, label: "Placed" } };
    if (services.deepLinking) return { html: await tool.createDeepLinkingResponse(session, [link]) };
    return { session: id, user, context, resourceLink, services };
  },
  "/items": (q) => tool.listLineItems(sessions.get(q.session)),
  "/create": (q) => tool.createLineItem(sessions.get(q.session), { label: q.label, scoreMaximum: Number(q.maximum) }),
  "/score": async (q) => {
    const said = { scoreGiven: Number(q.points), scoreMaximum: Number(q.maximum) };
    const progress = { activityProgress: "Completed", gradingProgress: "FullyGraded" };
    await tool.submitScore(sessions.get(q.session), { ...said, ...progress, userId: q.user });
    return null;
  },
  "/results": (q) => tool.getScores(sessions.get(q.session)),
  "/members": (q) => tool.getMembers(sessions.get(q.session)),
};

const server = http.createServer(async (request, response) => {
  const self = `http://${request.headers.host}`;
  const url = new URL(request.url, self);
  let body = "";
  for await (const piece of request) body += piece;
  const query = Object.fromEntries([...url.searchParams, ...new URLSearchParams(body)]);
  let shown;
  try {
    shown = await pages[url.pathname](query, self);
  } catch (error) {
    shown = { error: error.message };
  }
  if (shown?.location) response.writeHead(302, { Location: shown.location }).end();
  else if (shown?.html) response.writeHead(200, { "Content-Type": "text/html" }).end(shown.html);
  else response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(shown));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit()).resume();
