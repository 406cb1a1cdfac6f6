/** The least that could answer a create: Node's own server, the body read and parsed, an answer of the same shape. A child of a benchmark. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

const server = createServer((request, reply) => {
  let text = ''
  request.setEncoding('utf8').on('data', part => {
    text += part
  })
  request.once('end', () => {
    const { server: asked }: { server: { name: string } } = JSON.parse(text)
    const id = randomUUID()
    const body = JSON.stringify({ server: { id, name: asked.name, links: [`/servers/${id}`], 'OS-DCF:diskConfig': 'MANUAL' } })
    reply.writeHead(202, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.once('disconnect', () => process.exit(0))
