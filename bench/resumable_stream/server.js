// A peer: the least server that streams chat chunks through npm's resumable-stream.
//
//   node server.js PORT UPSTREAM STORE_SOCKET
//
// POST /v1/chat/completions   calls UPSTREAM (its base URL) and streams what it says; the stream
//                             is named by Idempotency-Key, else at random
// GET  /v1/streams/ID?after=N the same stream from its character N on, while it runs; else 404
// GET  /healthz               200
//
// The library keeps a stream's chunks in this process and asks the store only to find it.

import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { createClient } from "redis"
import { createResumableStreamContext } from "resumable-stream"

const [port, upstream, path] = process.argv.slice(2)
const clients = [0, 1].map(() => createClient({ socket: { path } }))
for (const client of clients) {
  client.on("error", (error) => console.error(error))
  await client.connect()
}
const [publisher, subscriber] = clients
const context = createResumableStreamContext({ waitUntil: null, publisher, subscriber })

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error)
    response.destroy()
  })
})
server.keepAliveTimeout = 600_000
server.requestTimeout = 0
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 })

async function answer(request, response) {
  const url = new URL(request.url, "http://localhost")
  if (request.method === "POST" && url.pathname === "/v1/chat/completions") {
    return call(request, response)
  }
  const found = /^\/v1\/streams\/([^/]+)$/.exec(url.pathname)
  if (request.method === "GET" && found) {
    const after = Number(url.searchParams.get("after") ?? 0)
    return send(await context.resumeExistingStream(found[1], after), response)
  }
  response.writeHead(url.pathname === "/healthz" ? 200 : 404).end()
}

async function call(request, response) {
  const body = await read(request)
  const answered = await fetch(`${upstream}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-bench" },
    body,
  })
  if (!answered.ok) {
    response.writeHead(answered.status).end(await answered.text())
    return
  }
  const id = request.headers["idempotency-key"] ?? randomUUID()
  const text = () => answered.body.pipeThrough(new TextDecoderStream())
  await send(await context.createNewResumableStream(id, text), response)
}

async function read(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function send(stream, response) {
  if (!stream) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
  response.flushHeaders()
  const reader = stream.getReader()
  response.on("close", () => reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (!response.write(value) && !response.destroyed) await drained(response)
  }
  response.end()
}

// Until the socket takes more, or is gone.
function drained(response) {
  return new Promise((resolve) => {
    const go = () => {
      response.off("drain", go)
      response.off("close", go)
      resolve()
    }
    response.on("drain", go)
    response.on("close", go)
  })
}
