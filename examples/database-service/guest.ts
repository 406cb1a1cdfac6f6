/** What runs in the guest: the service and its agent, which comes back to its host as often as the host goes away. */
import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createAgent } from '../../actors/guest/agent/agent.ts'
import { openDatabase } from './service.ts'

const AGAIN_MS = 500

const { BATON_GUEST_DISK: folder = '.', BATON_AGENT_SOCKET: path = '' } = process.env
const [name = '', instance = ''] = process.argv.slice(2)
let socket: Socket | null = null

const service = await openDatabase(folder)
const agent = createAgent({
  ...{ instance, service, boot: randomUUID(), program: 'database-service/1' },
  send: line => void socket?.write(line),
  setTimer(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
})

function call(): void {
  socket = connect(path)
  socket.on('data', agent.take)
  socket.on('error', () => {})
  socket.on('close', () => setTimeout(call, AGAIN_MS))
}

process.on('SIGTERM', () => {
  agent.status('SHUTDOWN')
  service.close()
  process.exit(0)
})

call()
agent.status('ACTIVE')
console.log(`${name}: a database in ${folder} is open`)
