/**
 * The least that could tell a thousand clients something: `ws` used bare, text of a given size with the time in it, sent to all at once or to one
 * after the other. A child of a benchmark.
 */
import { createServer } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'

export interface Sending {
  /** Characters of a message. */
  readonly chars: number
  /** To all at once so many times a second; else to each in turn, so that each is sent so many. */
  readonly perSecond: number
  readonly atOnce: boolean
  readonly seconds: number
}

const TICK_MS = 10

const http = createServer()
const server = new WebSocketServer({ server: http, perMessageDeflate: false, handleProtocols: ([first]) => first ?? false })
const clients: WebSocket[] = []
server.on('connection', ws => {
  clients.push(ws)
  ws.on('close', () => clients.splice(clients.indexOf(ws), 1))
})

function message(chars: number): Buffer {
  const head = `{"type":"delta","updatedAt":${performance.timeOrigin + performance.now()},"text":"`
  return Buffer.from(`${head}${'x'.repeat(Math.max(0, chars - head.length - 2))}"}`)
}

function run({ chars, perSecond, atOnce, seconds }: Sending): void {
  const begun = performance.now()
  const rate = atOnce ? perSecond : perSecond * clients.length
  let done = 0
  const timer = setInterval(() => {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - begun) / 1000) * rate))
    for (; done < due; done++) {
      const text = message(chars)
      if (!atOnce) clients[done % clients.length]?.send(text, { binary: false })
      else for (const client of clients) client.send(text, { binary: false })
    }
    if (done < rate * seconds) return
    clearInterval(timer)
    process.send?.('sent')
  }, TICK_MS)
}

process.on('message', run)
http.listen(0, '127.0.0.1', () => process.send?.(http.address()))
process.once('disconnect', () => process.exit(0))
