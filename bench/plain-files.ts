/** A plain file server: PUT writes the body to a file and waits until it is on the disk, GET sends it. A child of a benchmark; argument: the file. */
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'

const file = process.argv[2] ?? ''
const server = createServer(async (request, reply) => {
  if (request.method === 'PUT') {
    await pipeline(request, createWriteStream(file, { flush: true }))
    reply.writeHead(204).end()
    return
  }
  reply.writeHead(200, { 'content-length': (await stat(file)).size })
  await pipeline(createReadStream(file), reply)
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.once('disconnect', () => process.exit(0))
