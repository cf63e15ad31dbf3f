// A tool on ltijs. Prints its URL, and ends when its standard input does.
//
// Below /host the test reaches in; everything else is what a tool built on ltijs does: /login and /launch, /keys, and
// pages that a browser with a session may open. They answer with JSON, what ltijs throws included.

const http = require("http");
const { Provider: lti } = require("ltijs");
const { Memory } = require("./memory.js");

lti.setup("a secret of a test", { plugin: new Memory() }, { appRoute: "/launch", loginRoute: "/login", keysetRoute: "/keys" });
lti.whitelist("/host/register");

lti.app.get("/host/register", async (request, response) => {
  const { issuer, client_id, authorization_url, token_url, jwks_url, audience } = request.query;
  await lti.registerPlatform({
    url: issuer,
    name: client_id,
    clientId: client_id,
    authenticationEndpoint: authorization_url,
    accesstokenEndpoint: token_url,
    authorizationServer: audience || undefined,
    authConfig: { method: "JWK_SET", key: jwks_url },
  });
  response.json(null);
});

function page(does) {
  return async (request, response) => {
    const token = response.locals.token;
    const item = request.query.item || token.platformContext.endpoint.lineitem;
    try {
      response.json(await does(token, request.query, item));
    } catch (error) {
      const answer = error.response ?? {};
      response.json({ error: error.message, status: answer.statusCode, body: answer.body });
    }
  };
}

lti.onConnect((token, _request, response) => {
  const { context, resource, roles, endpoint, custom } = token.platformContext;
  response.json({ ltik: response.locals.ltik, user: token.user, info: token.userInfo, context, resource, roles, endpoint, custom });
});

lti.onDeepLinking(async (token, request, response) => {
  const item = { type: "ltiResourceLink", title: "Placed", custom: { chapter: "3" } };
  item.url = `http://${request.headers.host}/launch?chapter=3`;
  item.lineItem = { scoreMaximum: 20, label: "Placed", tag: "placed" };
  response.send(await lti.DeepLinking.createDeepLinkingForm(token, [item], { message: "One link" }));
});

lti.app.get("/items", page((token, query) => lti.Grade.getLineItems(token, query)));
lti.app.get("/item", page((token, _query, item) => lti.Grade.getLineItemById(token, item)));
lti.app.get(
  "/create",
  page((token, { label, maximum, tag, resource }) => {
    const made = { label, scoreMaximum: Number(maximum), tag, resourceId: resource };
    return lti.Grade.createLineItem(token, made);
  }),
);
lti.app.get(
  "/rename",
  page(async (token, { label }, item) => {
    const { id, ...fields } = await lti.Grade.getLineItemById(token, item);
    // Open edX refuses the blanks that it gave.
    const said = Object.entries(fields).filter(([, value]) => value !== null && value !== "");
    return lti.Grade.updateLineItemById(token, id, { ...Object.fromEntries(said), label });
  }),
);
lti.app.get("/delete", page((token, _query, item) => lti.Grade.deleteLineItemById(token, item)));
lti.app.get(
  "/score",
  page((token, { points, maximum, user, comment }, item) => {
    const said = { activityProgress: "Completed", gradingProgress: "FullyGraded", userId: user, comment };
    const of = maximum === undefined ? undefined : Number(maximum);
    return lti.Grade.submitScore(token, item, { ...said, scoreGiven: Number(points), scoreMaximum: of });
  }),
);
lti.app.get("/results", page((token, query, item) => lti.Grade.getScores(token, item, { userId: query.user, limit: query.limit, url: query.url })));
lti.app.get("/members", page((token, query) => lti.NamesAndRoles.getMembers(token, { role: query.role, limit: query.limit, pages: false })));

async function main() {
  await lti.deploy({ serverless: true, silent: true });
  const server = http.createServer(lti.app);
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
  process.stdin.on("end", () => process.exit()).resume();
}

main();
