/** `baton debug bundle` */
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { ShardRow } from '../../transport/console-client/topics.ts'
import { type Call, given, type Options, text } from '../call.ts'
import { type BundleSources, gatherBundle } from '../client/bundle.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { faultOf, openLive } from '../client/live.ts'
import { logFiles } from '../client/log-files.ts'
import { print, table } from '../output/table.ts'
import { tarOf } from '../output/tar.ts'
import { VERSION } from '../version.ts'

/** How long the console is waited for, ms. */
const LIVE_MS = 5000

export async function bundle({ options }: Call): Promise<void> {
  const atMs = Date.now()
  const stamp = new Date(atMs).toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-')
  const file = text(options, 'out') ?? `baton-debug-${stamp}.tar.gz`
  const folder = text(options, 'data') ?? process.env.BATON_DATA ?? '.baton'
  const cluster = await clusterOf(options)
  const kept = await logFiles(folder)
  if (cluster.client === null && kept.length === 0)
    throw new BatonError('NotRunning', `there is nothing to gather: ${cluster.why ?? 'no cluster answers'}, and no log files in ${folder}`)
  const files = await gatherBundle({ ...cluster, logFiles: kept, version: VERSION, engine: process.version, atMs })
  const packed = await promisify(gzip)(tarOf(files, atMs))
  try {
    // Not over a file that is there, and for nobody else to read.
    await writeFile(file, packed, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const why =
      error instanceof Error && 'code' in error && error.code === 'EEXIST' ? 'it is there already; choose another with --out' : String(error)
    throw new BatonError('BadRequest', `${file} cannot be written: ${why}`, { cause: error })
  }
  const rows = files.map(({ path, bytes }) => ({ path, bytes: bytes.length }))
  print(
    given(options, 'json'),
    { file, bytes: packed.length, files: rows },
    () =>
      `${table(
        [
          ['FILE', r => r.path],
          ['BYTES', r => r.bytes],
        ],
        rows,
      )}\n\n${file}: ${packed.length} bytes. Passwords, tokens and user data are left out; look before you send it.`,
  )
}

/** A cluster that does not answer is no reason to have nothing: why it does not may stand in its log files. Rejects where we may not ask. */
async function clusterOf(options: Options): Promise<Pick<BundleSources, 'client' | 'why' | 'shards'>> {
  try {
    const endpoint = endpointOf(options)
    const client = httpClient(endpoint)
    await client.request('GET', '/baton/v1/nodes', (body): body is unknown => body !== undefined)
    return { client, shards: () => shardsOf(endpoint) }
  } catch (error) {
    const { code, message } = toFault(error)
    if (code !== 'NotRunning' && code !== 'Unavailable' && code !== 'DeadlineExceeded') throw error
    return { client: null, why: message, shards: async () => [] }
  }
}

/** The map as it is shown live; there is no other way to see it whole. */
async function shardsOf(endpoint: string): Promise<readonly ShardRow[]> {
  const live = openLive(endpoint)
  let late: NodeJS.Timeout | undefined
  try {
    const shown = new Promise<readonly ShardRow[]>((resolve, reject) => {
      live.client.watch('shards', {}, { onChange: ({ rows }) => resolve([...rows.values()]), onError: fault => reject(faultOf(fault)) })
    })
    const tooLate = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new BatonError('Unavailable', 'the console did not answer')), LIVE_MS)
    })
    return await Promise.race([shown, live.failed, tooLate])
  } finally {
    clearTimeout(late)
    live.close()
  }
}
