/** `baton image create`, `set` and `save` */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { beginsAsQcow2, HEAD_BYTES, inspectImage } from '../../actors/hypervisor/drivers/qemu/qcow2.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, integer, type Options, required, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { deleteImage, downloadImage, getImage, type Image, listImages, registerImage, updateImage, uploadImage } from '../client/glance.ts'
import { httpClient } from '../client/http.ts'
import { findNamed } from '../client/resolve.ts'
import { print } from '../output/table.ts'

const SHOW_EVERY_MS = 200

const listed = (value: string | undefined): string[] | undefined => value?.split(',').flatMap(each => (each.trim() === '' ? [] : [each.trim()]))

/** What the options say of an image, in Glance's words. Throws `BadRequest`. */
function fieldsOf(options: Options): Record<string, unknown> {
  const guarded = text(options, 'protected')
  if (guarded !== undefined && guarded !== 'yes' && guarded !== 'no') throw new BatonError('BadRequest', '--protected must be yes or no')
  const properties = (listed(text(options, 'property')) ?? []).map(item => {
    const at = item.indexOf('=')
    if (at < 1) throw new BatonError('BadRequest', `--property must be key=value, not ${JSON.stringify(item)}`)
    return [item.slice(0, at), item.slice(at + 1)] as const
  })
  const fields = {
    ...Object.fromEntries(properties),
    name: text(options, 'name'),
    visibility: text(options, 'visibility'),
    protected: guarded === undefined ? undefined : guarded === 'yes',
    tags: listed(text(options, 'tags')),
    min_disk: integer(options, 'minDisk', 0),
    min_ram: integer(options, 'minRam', 0),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** The same bytes, with a line on the terminal that says how far they are. */
async function* counted(bytes: AsyncIterable<Uint8Array>, what: string, totalBytes: number | null): AsyncGenerator<Uint8Array> {
  const { stderr } = process
  let done = 0
  let shownMs = 0
  const begunMs = performance.now()
  const show = (): void => {
    const mb = (n: number) => (n / 1e6).toFixed(1)
    const speed = done / 1e6 / Math.max(0.001, (performance.now() - begunMs) / 1000)
    stderr.write(`\r${what} ${mb(done)}${totalBytes === null ? '' : ` of ${mb(totalBytes)}`} MB, ${speed.toFixed(0)} MB/s `)
  }
  for await (const chunk of bytes) {
    done += chunk.length
    yield chunk
    if (!stderr.isTTY || performance.now() - shownMs < SHOW_EVERY_MS) continue
    shownMs = performance.now()
    show()
  }
  if (!stderr.isTTY) return
  show()
  stderr.write('\n')
}

const say = (call: Call, image: Image, words: string): void =>
  print(given(call.options, 'json'), image, () => `image ${image.name} (${image.id}) ${words}`)

/** Hosts refuse what is not what it is said to be; here it is seen before anything is uploaded. Rejects `BadRequest`. */
async function checkFile(file: string, format: string, sizeBytes: number): Promise<void> {
  const head = await headOf(file).catch(cannot('read', file))
  if (format === 'raw' && beginsAsQcow2(head)) throw new BatonError('BadRequest', `${file} begins as a qcow2 image; say --disk-format qcow2`)
  if (format !== 'qcow2') return
  try {
    inspectImage(file, format, head, sizeBytes)
  } catch (error) {
    throw new BatonError('BadRequest', toFault(error).message)
  }
}

async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

export async function create(call: Call): Promise<void> {
  const { options } = call
  const client = httpClient(endpointOf(options))
  const file = text(options, 'file')
  const sizeBytes = file === undefined ? 0 : (await stat(file).catch(cannot('read', file))).size
  const format = text(options, 'diskFormat') ?? 'raw'
  if (file !== undefined) await checkFile(file, format, sizeBytes)
  const formats = { disk_format: format, container_format: 'bare' }
  const image = await registerImage(client, { ...formats, ...fieldsOf(options) })
  if (file === undefined) return say(call, image, 'is queued; its bytes are still to be uploaded')
  try {
    await uploadImage(client, image.id, counted(createReadStream(file), 'uploaded', sizeBytes), sizeBytes)
  } catch (error) {
    // Nobody else knows of it; left behind it would wait for bytes for ever.
    await deleteImage(client, image.id).catch(() => {})
    throw error
  }
  say(call, await getImage(client, image.id), `is active, ${sizeBytes} bytes`)
}

export async function set(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const image = findNamed('image', argument(call, 0), await listImages(client))
  const unset = Object.fromEntries((listed(text(call.options, 'unset')) ?? []).map(name => [name, null]))
  const fields = { ...fieldsOf(call.options), ...unset }
  if (Object.keys(fields).length === 0) throw new BatonError('BadRequest', 'give something to change, such as --name or --property')
  say(call, await updateImage(client, image.id, fields), 'is changed')
}

export async function save(call: Call): Promise<void> {
  const file = required(call.options, 'file')
  const client = httpClient(endpointOf(call.options))
  const image = findNamed('image', argument(call, 0), await listImages(client))
  if (await stat(file).catch(() => null)) throw new BatonError('Conflict', `${file} is there already; choose another file`)
  const { bytes, sizeBytes } = await downloadImage(client, image.id)
  const hash = createHash('sha512')
  const part = `${file}.part`
  const handle = await open(part, 'w').catch(cannot('write', file))
  try {
    for await (const chunk of counted(bytes, 'downloaded', sizeBytes)) {
      hash.update(chunk)
      for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten
    }
    await handle.close()
    if (image.hash === null || hash.digest('hex') !== image.hash)
      throw new BatonError('Unavailable', `the bytes of image ${image.name} came incomplete; save it again`)
    await rename(part, file)
  } catch (error) {
    await handle.close().catch(() => {})
    await rm(part, { force: true })
    throw error
  }
  say(call, image, `is saved to ${file}`)
}

const cannot =
  (verb: string, file: string) =>
  (cause: Error): never => {
    throw new BatonError('BadRequest', `cannot ${verb} ${file}: ${cause.message}`, { cause })
  }
