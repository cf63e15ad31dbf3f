// @lti-tool/core 1.0.6 was made for bundlers, and Node refuses it as it is shipped: it imports its package.json without
// saying that it is JSON, and some of its own files without their ".js", and a folder.
import { register } from "node:module";

const hooks = `export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!specifier.startsWith(".")) throw error;
    const folder = error.code === "ERR_UNSUPPORTED_DIR_IMPORT";
    return next(specifier + (folder ? "/index.js" : ".js"), context);
  }
}
export async function load(url, context, next) {
  if (!url.endsWith(".json")) return next(url, context);
  const { readFile } = await import("node:fs/promises");
  const { version } = JSON.parse(await readFile(new URL(url)));
  return { format: "module", shortCircuit: true, source: "export const version = " + JSON.stringify(version) };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
