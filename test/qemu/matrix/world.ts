/** A cluster of real processes whose guests are real machines that count, for tests that kill either. What runs is read from the kernel. */
import { chmod, type FileHandle, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as assert from 'uvu/assert'
import { shardOf } from '../../../actors/kernel/address.ts'
import { countingSector } from '../../support/boot-sector.ts'
import { newFolder, SERVERS, startCluster, type TestCluster, until } from '../../support/cluster.ts'
import { runSql } from '../../support/database.ts'
import { allRunning, kill, workingFolderOf } from '../../support/kill.ts'

export const END_MS = 60_000

export interface Machine {
  readonly pid: number
  readonly instance: string
  readonly host: string
}

export interface World {
  readonly cluster: TestCluster
  /** Folder of `BATON_PAUSE_POINTS`. */
  readonly points: string
  create(name: string): Promise<string>
  /** The QEMUs that run in this cluster's folder. */
  machines(): Machine[]
  hostOf(id: string): Promise<string>
  /** The conductor that has the instance and its operations. */
  ownerOf(id: string): Promise<string>
  nodesOf(role: 'conductor' | 'compute'): string[]
  killNodes(names: readonly string[]): void
  /** Ends all guests, then the cluster. */
  close(): Promise<void>
}

export interface WorldOptions {
  readonly conductors: number
  /** Whether the disks are in a folder that all hosts have. */
  readonly shared?: boolean
  /** Of the image, all of it to be copied where disks are local. */
  readonly imageBytes?: number
  /** Of memory that is not empty. */
  readonly filledMb?: number
  readonly env?: NodeJS.ProcessEnv
}

export async function startWorld({ conductors, shared = false, imageBytes = 512, filledMb = 0, env = {} }: WorldOptions): Promise<World> {
  const points = await newFolder()
  // Machines of another user go through it to the disks that are shared.
  await chmod(points, 0o711)
  // The paths of sockets are short, so is that of the folder.
  const cluster = await startCluster({
    args: ['--driver', 'qemu', '--conductors', `${conductors}`, '--computes', '2'],
    env: { BATON_PAUSE_POINTS: points, ...(shared ? { BATON_DRIVER_QEMU_SHARED: join(points, 'shared') } : {}), ...env },
  })
  const file = join(points, 'counting.raw')
  await writeFile(file, Buffer.concat([countingSector(filledMb), noise(Math.max(0, imageBytes - 512))]))
  const made = await cluster.baton(['image', 'create', '--name', 'counting', '--file', file, '--json'])
  const image: string = JSON.parse(made.stdout).id
  const hosts = join(cluster.folder, 'hosts')

  const machines = (): Machine[] =>
    allRunning().flatMap(({ pid, command }) => {
      const home = command[0]?.includes('qemu-system') ? workingFolderOf(pid) : ''
      return home.startsWith(`${hosts}/`) ? [{ pid, instance: basename(home), host: home.slice(hosts.length + 1).split('/')[0] ?? '' }] : []
    })

  return {
    cluster,
    points,
    machines,
    async create(name) {
      const server = { name, flavorRef: 'tiny', imageRef: image, networks: 'none' }
      const answer = await cluster.request('POST', SERVERS, { server })
      assert.is(answer.status, 202, answer.text)
      return answer.body.server.id
    },
    hostOf: async id => (await cluster.request('GET', `${SERVERS}/${id}`)).body.server['OS-EXT-SRV-ATTR:host'],
    async ownerOf(id) {
      const sql = 'select c.node_id from shard s join conductor c on c.incarnation = s.owner where s.id = $1'
      const [row] = await runSql<{ node_id: string }>(cluster.databaseUrl(), sql, [shardOf(id)])
      return row?.node_id ?? ''
    },
    nodesOf: role => cluster.processes(role).map(({ id }) => id),
    killNodes(names) {
      for (const { id, pid } of cluster.processes()) if (names.includes(id)) kill(pid)
    },
    async close() {
      const { servers } = (await cluster.request('GET', SERVERS)).body
      for (const { id } of servers) await cluster.request('DELETE', `${SERVERS}/${id}`)
      await until('no QEMU is left', END_MS, () => machines().length === 0)
      await cluster.stop()
      await rm(points, { recursive: true, force: true })
    },
  }
}

/** Bytes of which none is zero, so that they are really copied. */
const noise = (bytes: number): Buffer => Buffer.alloc(bytes, 'counting')

/** What a guest prints on its serial line, on whichever host. */
export interface Tape {
  /** What it has counted, host after host; a number that a move has cut in two is whole here. */
  numbers(): Promise<number[]>
  /** It counts on. Answers what it has counted by then. */
  goesOn(): Promise<number[]>
  close(): Promise<void>
}

const LINE_OF_OURS = /\[baton\][^\n]*\n/g
const NUMBER = /^[0-9a-f]{8}$/

/** Follows a guest from here on. Files once opened can be read when a host has let the guest go. */
export async function tapeOf(world: World, id: string): Promise<Tape> {
  const hosts = join(world.cluster.folder, 'hosts')
  const kept = new Map<string, { readonly inode: number; readonly file: FileHandle }>()

  async function look(): Promise<void> {
    for (const host of await readdir(hosts)) {
      const path = join(hosts, host, 'qemu', 'run', id, 'console')
      const inode = await stat(path).then(
        ({ ino }) => ino,
        () => null,
      )
      if (inode === null || kept.get(host)?.inode === inode) continue
      await kept.get(host)?.file.close()
      kept.set(host, { inode, file: await open(path) })
    }
  }
  async function numbers(): Promise<number[]> {
    await look()
    const texts = await Promise.all([...kept.values()].map(async ({ file }) => (await wholeOf(file)).replaceAll(LINE_OF_OURS, '')))
    // Whoever has it now has counted last; who has never had it has counted nothing.
    const first = (text: string): number => Number.parseInt(text.split('\n').find(line => NUMBER.test(line)) ?? 'ffffffff', 16)
    const whole = texts.toSorted((a, b) => first(a) - first(b)).join('')
    return whole.split('\n').flatMap(line => (NUMBER.test(line) ? [Number.parseInt(line, 16)] : []))
  }
  await look()
  return {
    numbers,
    async goesOn() {
      const before = (await numbers()).length
      return until(`guest ${id} counts on`, END_MS, async () => {
        const now = await numbers()
        return now.length > before + 5 && now
      })
    },
    async close() {
      for (const { file } of kept.values()) await file.close()
    },
  }
}

async function wholeOf(file: FileHandle): Promise<string> {
  const { size } = await file.stat()
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0)
  return buffer.toString('utf8', 0, bytesRead)
}

/** Where one number does not follow the other. */
export const breaksIn = (numbers: readonly number[]): string[] =>
  numbers.flatMap((n, i) => (i > 0 && n !== (numbers[i - 1] ?? 0) + 1 ? [`${numbers[i - 1]} then ${n}`] : []))
