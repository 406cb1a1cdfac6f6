/**
 * A proxy in front of a node's ZeroMQ port that holds up whole messages and repeats some. A process of its own, for it stands in the
 * node's network namespace: `proxy.ts LISTEN_PORT TARGET_ADDRESS TARGET_PORT MOST_DELAY_MS REPEATED_PERCENT`. It says `ready` on its
 * output, and ends with its input.
 *
 * Each direction of a connection stays in order, as over TCP. A message is repeated right behind itself; with the delay the copy is late.
 */
import { createConnection, createServer, type Socket } from 'node:net'
import { createCutter } from './zmtp.ts'

const [listenPort = '', address = '', targetPort = '', most = '', percent = ''] = process.argv.slice(2)
const mostDelayMs = Number(most)
const repeated = Number(percent) / 100

createServer(client => {
  const node = createConnection(Number(targetPort), address)
  pass(client, node)
  pass(node, client)
}).listen(Number(listenPort), '0.0.0.0', () => process.stdout.write('ready\n'))

process.stdin.resume().on('end', () => process.exit(0))

function pass(from: Socket, to: Socket): void {
  const cut = createCutter()
  let lastAt = 0
  from.setNoDelay(true)
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
  from.on('data', piece => {
    for (const { kind, bytes } of cut(piece)) {
      const copies = kind === 'message' && Math.random() < repeated ? 2 : 1
      const now = performance.now()
      // Never before what came before it: timers of equal time fire in the order in which they were set.
      lastAt = Math.max(lastAt, now + (kind === 'message' ? Math.random() * mostDelayMs : 0))
      setTimeout(() => {
        for (let i = 0; i < copies; i++) if (to.writable) to.write(bytes)
      }, lastAt - now)
    }
  })
}
