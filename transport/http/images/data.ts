/** PUT and GET /image/v2/images/{id}/file: bytes that go through as they come, and are nowhere kept. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BatonError } from '../../../actors/kernel/errors.ts'
import type { HttpContext } from '../context.ts'
import { isAdmin } from '../policy/checks.ts'
import { badRequest, HttpRefusal } from '../requests/errors.ts'
import { plainId } from '../requests/request.ts'
import type { IdParams } from '../requests/schemas.ts'
import { FILE, isStreamed } from '../requests/streamed.ts'
import { PATCH_TYPES } from './patch.ts'
import { rangeOf } from './range.ts'

/** Bytes are taken where they are streamed and nowhere else; a patch is JSON by another name. */
export function parseImageTypes(app: FastifyInstance): void {
  app.addContentTypeParser('application/octet-stream', (request, payload, done) => {
    if (isStreamed(request)) done(null, payload)
    else done(new HttpRefusal(415, 'The body must be JSON: send Content-Type: application/json.'))
  })
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser([...PATCH_TYPES], { parseAs: 'string' }, (request, body, done) => {
    parse(request, body.toString(), (error, value) => (error ? done(new HttpRefusal(400, 'The request body is not valid JSON.')) : done(null, value)))
  })
}

const MD5 = /^[A-Za-z0-9+/]{22}==$/

/** Content-MD5 as RFC 1864 has it, in hex; null when it is not given. */
function md5Of({ headers }: FastifyRequest): string | null {
  const given = headers['content-md5']
  if (given === undefined) return null
  if (typeof given !== 'string' || !MD5.test(given)) throw badRequest('Content-MD5 is the MD5 of the body in base64.')
  return Buffer.from(given, 'base64').toString('hex')
}

export function imageDataRoutes(app: FastifyInstance, { api, images }: HttpContext): void {
  app.put<{ Params: IdParams; Body: unknown }>(FILE, async (request, reply) => {
    const { body } = request
    if (!(body instanceof Readable)) throw new HttpRefusal(415, 'The bytes of an image have the type application/octet-stream.')
    const length = request.headers['content-length']
    const sizeBytes = length === undefined ? null : Number(length)
    await images.upload({ image: plainId('Image', request.params.id), sizeBytes, checksum: md5Of(request) }, body)
    return reply.code(204).send()
  })

  app.get<{ Params: IdParams }>(FILE, async (request, reply) => {
    const image = await api.getImage({ id: plainId('Image', request.params.id) })
    if (image.status === 'deactivated' && request.claims && !isAdmin(request.claims)) {
      throw new BatonError('Forbidden', 'The requested image has been deactivated. Image data download is forbidden.')
    }
    if (image.status === 'queued' || image.status === 'saving') return reply.code(204).send()
    const { bytes } = image
    if (!bytes) throw new BatonError('Conflict', `The bytes of image ${image.id} are with its hosts and not in the image store.`)
    const range = rangeOf(request.headers.range, bytes.sizeBytes)
    if (range === 'unsatisfiable') {
      throw new HttpRefusal(416, `The image has ${bytes.sizeBytes} bytes.`, { 'content-range': `bytes */${bytes.sizeBytes}` })
    }
    const { from, to } = range ?? { from: 0, to: bytes.sizeBytes }
    reply.headers({ 'content-length': String(to - from), 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' })
    if (range) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${bytes.sizeBytes}`)
    // Glance has the hex digest here, and its clients compare with that.
    else reply.header('content-md5', bytes.checksum)
    return reply.send(Readable.from(images.download(image, { from, to }), { objectMode: false, highWaterMark: 1024 * 1024 }))
  })
}
