/**
 * One image up and down through gateway and conductor, as one client sees it. The reference is a plain file server in a process of its own:
 * no second hop, no digests, no record. What the two digests alone cost is a figure of its own, since an image cannot be without them.
 */
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { startCluster, type TestCluster } from '../test/support/cluster.ts'
import { type BenchResult, percentile, result } from './result.ts'

const MB = 1024 ** 2
const SIZE_MB = 256
const ROUNDS = 3
const IMAGES = '/image/v2/images'
/** No larger: a client that hands over a MB at once would be measured, too. */
const CHUNK = Buffer.alloc(256 * 1024, 'baton')

async function* bytes(): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < SIZE_MB * MB; sent += CHUNK.length) yield CHUNK
}

const perSecond = (begunMs: number): number => SIZE_MB / ((performance.now() - begunMs) / 1000)

/** MB/s from the first byte to the answer. */
async function upload(url: string): Promise<number> {
  const begun = performance.now()
  const headers = { 'content-type': 'application/octet-stream', 'content-length': SIZE_MB * MB }
  const call = request(url, { method: 'PUT', headers })
  const answered = once(call, 'response')
  await pipeline(Readable.from(bytes(), { objectMode: false }), call)
  const [reply] = await answered
  reply.resume()
  if (reply.statusCode !== 204) throw new Error(`an upload was answered ${reply.statusCode}`)
  return perSecond(begun)
}

/** MB/s from the request to the last byte. */
async function download(url: string): Promise<number> {
  const begun = performance.now()
  const call = request(url)
  call.end()
  const [reply] = await once(call, 'response')
  let came = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      came += chunk.length
      done()
    },
  })
  await pipeline(reply, sink)
  if (reply.statusCode !== 200 || came !== SIZE_MB * MB) throw new Error(`a download was answered ${reply.statusCode} with ${came} bytes`)
  return perSecond(begun)
}

async function digests(): Promise<number> {
  const [md5, sha512] = [createHash('md5'), createHash('sha512')]
  const begun = performance.now()
  for await (const chunk of bytes()) for (const hash of [md5, sha512]) hash.update(chunk)
  return perSecond(begun)
}

async function plainServer(file: string): Promise<{ url: string; close(): void }> {
  const child = fork(fileURLToPath(new URL('./plain-files.ts', import.meta.url)), [file])
  const [address]: { port: number }[] = await once(child, 'message')
  return { url: `http://127.0.0.1:${address?.port}/`, close: () => child.disconnect() }
}

async function peakMb(cluster: TestCluster): Promise<number> {
  const [gateway] = cluster.processes('gateway')
  return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${gateway?.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

export async function bench(): Promise<BenchResult[]> {
  const cluster = await startCluster({ args: ['--conductors', '1', '--computes', '1'] })
  const plain = await plainServer(join(cluster.folder, 'plain'))
  try {
    const idleMb = await peakMb(cluster)
    const figures = { up: [] as number[], down: [] as number[], plainUp: [] as number[], plainDown: [] as number[], digests: [] as number[] }
    // In turns, so that what else the machine does meets all of them.
    for (let round = 0; round < ROUNDS; round++) {
      const { body } = await cluster.request('POST', IMAGES, { name: `round-${round}`, disk_format: 'raw', container_format: 'bare' })
      const file = `${cluster.endpoint}${IMAGES}/${body.id}/file`
      figures.up.push(await upload(file))
      figures.plainUp.push(await upload(plain.url))
      figures.down.push(await download(file))
      figures.plainDown.push(await download(plain.url))
      figures.digests.push(await digests())
      await cluster.request('DELETE', `${IMAGES}/${body.id}`)
    }
    const middle = (some: readonly number[]): number => percentile(some, 0.5)
    return [
      result(`image of ${SIZE_MB} MB uploaded, reference a plain file server`, middle(figures.up), 'MB/s', middle(figures.plainUp)),
      result(`image of ${SIZE_MB} MB uploaded, reference MD5 and SHA-512 alone`, middle(figures.up), 'MB/s', middle(figures.digests)),
      result(`image of ${SIZE_MB} MB downloaded, reference a plain file server`, middle(figures.down), 'MB/s', middle(figures.plainDown)),
      result('peak memory of the gateway meanwhile, reference idle', await peakMb(cluster), 'MB', idleMb),
    ]
  } finally {
    plain.close()
    await cluster.stop()
  }
}
