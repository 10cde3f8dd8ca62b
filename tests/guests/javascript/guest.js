// Makes the host calls that its input lists and answers with what came back: a component.
import { dbQuery, fileRead, fileWrite, getContext, httpRequest, log, setContext } from "hengio:module/host@1.0.0";

const CODES = ["", "not_found", "permission_denied"];

function call(step) {
  switch (step.call) {
    case "get_context":
      return JSON.parse(getContext(step.path));
    case "set_context":
      setContext(step.path, JSON.stringify(step.value));
      return null;
    case "http_request":
      return JSON.parse(httpRequest(JSON.stringify(step.request)));
    case "db_query":
      return JSON.parse(dbQuery(JSON.stringify(step.request)));
    case "file_read":
      return JSON.parse(decoded(fileRead(step.path)));
    case "file_write":
      return JSON.parse(fileWrite(step.path, encoded(JSON.stringify(step.value))));
    default:
      log("info", step.message);
      return null;
  }
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Base64 of text in ASCII: the engine has no atob and btoa.
function encoded(text) {
  let out = "";
  for (let at = 0; at < text.length; at += 3) {
    const codes = [0, 1, 2].map((next) => text.charCodeAt(at + next));
    const bits = codes.reduce((sum, code) => (sum << 8) | (code || 0), 0);
    const kept = Math.min(text.length - at, 3) + 1;
    for (let digit = 0; digit < 4; digit++) out += digit < kept ? DIGITS[(bits >> (18 - 6 * digit)) & 63] : "=";
  }
  return out;
}

function decoded(base64) {
  let out = "";
  let [bits, count] = [0, 0];
  for (const digit of base64.replace(/=+$/, "")) {
    bits = (bits << 6) | DIGITS.indexOf(digit);
    count += 6;
    if (count >= 8) out += String.fromCharCode((bits >> (count -= 8)) & 255);
  }
  return out;
}

function told(step) {
  try {
    return { status: 0, reply: call(step) };
  } catch (error) {
    const reply = JSON.parse(error.payload ?? error);
    return { status: CODES.indexOf(reply.code), reply };
  }
}

export function run(_function, input) {
  return JSON.stringify(JSON.parse(input).input.do.map(told));
}
