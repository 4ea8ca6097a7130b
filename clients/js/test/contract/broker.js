/** The running broker that these scripts are pointed at, by the Python tests that start it. */
import { createConnection, createServer } from "node:net";

const url = process.env["STREAMHOLD_URL"];
if (!url) throw new Error("STREAMHOLD_URL names no broker: these run under tests/contract/test_js_clients.py");

/** What SDKs take as their base URL. */
export const BASE = `${url}/v1`;

export const prompt = (name) => `js-${name}-${crypto.randomUUID()}`;

export const user = (content) => [{ role: "user", content }];

const refusal = (status) =>
  `HTTP/1.1 ${status} Not now\r\nretry-after-ms: 20\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;

/** How often the provider was called with this prompt. */
export async function providerCalls(text) {
  const counts = await (await fetch(process.env["STREAMHOLD_SIM_CALLS"])).json();
  return counts.by_prompt[text] ?? 0;
}

/**
 * A proxy that cuts every connection after so many events, as a killed process would, until it
 * has cut as often as it is told to. It is closed with the test. Before that `faults` are met, one
 * a connection: a status, answered in the server's place, or 0: the call arrives, and its answer
 * is lost.
 */
export async function cuttingProxy(t, { after = Infinity, cuts = 0, within = true, faults = [] }) {
  const state = { open: new Set(), cuts: 0, pings: 0, carried: 0 };
  const { hostname, port } = new URL(url);
  const proxy = createServer((socket) => {
    state.open.add(socket);
    let events = 0;
    const fault = faults[state.carried++];
    if (fault) return void socket.once("data", () => socket.end(refusal(fault)));
    const upstream = createConnection({ host: hostname, port: Number(port) });
    const close = () => {
      state.open.delete(socket);
      socket.destroy();
      upstream.destroy();
    };
    socket.pipe(upstream);
    upstream.on("data", (piece) => {
      if (fault === 0) return void close();
      const text = piece.toString("latin1");
      state.pings += text.split(": ping\n").length - 1;
      events += text.split("\n\n").length - 1;
      if (events < after || state.cuts >= cuts) return void socket.write(piece);
      state.cuts++;
      // Half of what came last goes out, so that an event is cut within; or all of it. The head
      // goes out whole: who has not seen it knows of no stream.
      const body = text.startsWith("HTTP/") ? text.indexOf("\r\n\r\n") + 4 : 0;
      const half = body + Math.ceil((piece.length - body) / 2);
      socket.write(within ? piece.subarray(0, half) : piece, close);
      return undefined;
    });
    for (const end of [socket, upstream]) end.on("error", close).on("close", close);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  state.base = `http://127.0.0.1:${proxy.address().port}/v1`;
  t.after(() => {
    for (const socket of state.open) socket.destroy();
    return new Promise((resolve) => proxy.close(resolve));
  });
  return state;
}
