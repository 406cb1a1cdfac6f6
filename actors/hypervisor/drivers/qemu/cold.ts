/**
 * How a guest that is off comes to another host, disk and all: the source offers its files, and the destination fetches them, each from the
 * byte on that it does not have yet, and compares their hashes. Nothing of it is only in an agent but the offer: one that was restarted offers
 * anew when it is told to, and what was fetched counts.
 *
 * A disk travels as it is, thin, with the image it is read through to; an image that the destination has already stays where it is.
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Json } from '../../../kernel/define.ts'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { type GuestSpec, type MovedDisk, NO_DEVICES } from '../../driver.ts'
import type { Ledger } from '../ledger.ts'
import { within } from '../process/wait.ts'
import type { QemuGuest } from '../records.ts'
import { noGuest } from '../rules.ts'
import type { Bases } from './bases.ts'
import { assignSlots, FILES, type Root } from './command-line.ts'
import { giveTo, openPlain, withPlain } from './guest-files.ts'
import { NEVER_RUN } from './life.ts'
import type { Runs } from './runs.ts'
import { kernelImage } from './shape.ts'
import { isOn } from './status.ts'
import { checkGrows, type Storage } from './storage.ts'
import type { User } from './tools.ts'
import { call, type Door, InvitationSchema } from './tunnel.ts'

const PIECE_BYTES = 256 * 1024
const HASH_MS = 3_600_000

const OfferSchema = Type.Object({
  driver: Type.Literal('qemu'),
  at: InvitationSchema,
  slots: Type.Record(Type.String(), Type.Number()),
  /** Image whose kernel starts it. */
  kernel: Type.Union([Type.String(), Type.Null()]),
  disk: Type.Object({ sizeBytes: Type.Number() }),
  /** Image that the disk is read through to. */
  base: Type.Union([Type.Object({ file: Type.String(), format: Type.Enum(['raw', 'qcow2']), sizeBytes: Type.Number() }), Type.Null()]),
})
type Offer = Static<typeof OfferSchema>

const BASE_FILE = /^bases\/[A-Za-z0-9-]{1,64}\.(raw|qcow2)$/

export interface ColdParts {
  readonly env: Env
  readonly folder: string
  readonly user: User | null
  readonly runs: Pick<Runs, 'homeOf' | 'makeHome' | 'power' | 'kill'>
  readonly bases: Bases
  readonly storage: Pick<Storage, 'diskBytesOf'>
  readonly ledger: Ledger<QemuGuest>
  readonly door: Door
}

export interface Cold {
  checkMove(spec: GuestSpec, fetched: boolean): Promise<void>
  /** Null: there is nothing to fetch, its disk is shared. */
  offer(instance: string, order: number): Promise<Json>
  fetch(spec: GuestSpec, order: number, offer: Json, waitMs: number): Promise<MovedDisk>
  /** Ends what is fetched for the guest, and throws away what was. */
  forget(instance: string): Promise<void>
  close(): void
}

interface Fetching {
  readonly totalBytes: number
  fetchedBytes: number
  readonly over: Promise<Root>
  stop(): void
}

export function createCold({ env, folder, user, runs, bases, storage, ledger, door }: ColdParts): Cold {
  const fetching = new Map<string, Fetching>()

  function abandon(instance: string): void {
    fetching.get(instance)?.stop()
    fetching.delete(instance)
  }

  async function forget(instance: string): Promise<void> {
    abandon(instance)
    await rm(partOf(instance), { force: true })
  }

  /** One connection of a destination: the bytes of a file from one on, or its hash. */
  async function serve(paths: Readonly<Record<string, string>>, channel: string, stream: Duplex): Promise<void> {
    const [what = '', name = '', from = '0'] = channel.split(' ')
    const path = Object.hasOwn(paths, name) ? paths[name] : undefined
    if (path === undefined || !/^\d{1,15}$/.test(from)) throw new Error(`there is no ${channel.slice(0, 60)}`)
    // A base is ours, under a second name of a file of the cache; a disk is in the folder of a guest, and looked at before it is believed.
    const handle = name === 'base' ? await open(path) : await openPlain(path, 'read')
    try {
      if (what === 'hash') await pipeline([await sha256(handle)], stream)
      else await pipeline(handle.createReadStream({ start: Number(from), highWaterMark: PIECE_BYTES, autoClose: false }), stream)
    } finally {
      await handle.close()
    }
  }

  const partOf = (instance: string): string => join(folder, 'fetched', `${instance}.disk`)

  /** Brings one file, with what is there of it already. `count` is told of each byte that is here. */
  async function bring(offer: Offer, name: 'disk' | 'base', part: string, sizeBytes: number, count: (bytes: number) => void, signal: AbortSignal) {
    const there = await stat(part).then(
      ({ size }) => size,
      () => 0,
    )
    const have = there <= sizeBytes ? there : 0
    if (have === 0) await rm(part, { force: true })
    count(have)
    if (have < sizeBytes) {
      const stream = await call(env, offer.at, `file ${name} ${have}`)
      stream.on('data', (bytes: Uint8Array) => count(bytes.length))
      await pipeline(stream, createWriteStream(part, { flags: 'a', mode: 0o600, flush: true }), { signal })
    }
    // What came so far counts when it is fetched again.
    if ((await stat(part)).size !== sizeBytes) throw new BatonError('DriverFault', `the source broke off while it sent the ${name}`)
    const asked = await call(env, offer.at, `hash ${name}`)
    const [ours, theirs] = await Promise.all([withPlain(part, 'read', sha256), within(env, HASH_MS, asked.setEncoding('latin1').toArray({ signal }))])
    if (ours === theirs?.join('')) return
    await rm(part, { force: true })
    throw new BatonError('DriverFault', `the ${name} came damaged and was thrown away; it can be fetched again`)
  }

  async function fetchAll(spec: GuestSpec, offer: Offer, count: (bytes: number) => void, signal: AbortSignal): Promise<Root> {
    const home = await runs.makeHome(spec.instance)
    const { base, disk } = offer
    if (base) {
      if (!BASE_FILE.test(base.file)) throw new BatonError('DriverFault', 'the source offers a file that is no image')
      await bases.bring(base.file, path => bring(offer, 'base', path, base.sizeBytes, count, signal))
    }
    const part = partOf(spec.instance)
    await mkdir(dirname(part), { recursive: true, mode: 0o700 })
    await bring(offer, 'disk', part, disk.sizeBytes, count, signal)
    giveTo(part, user)
    await rename(part, join(home, FILES.disk))
    const through = base ? { file: base.file, format: base.format } : null
    if (offer.kernel === null) return { base: through, kernel: null }
    return bases.use(offer.kernel, spec.instance, async ({ kernel }) => ({ base: through, kernel }))
  }

  function begin(spec: GuestSpec, offer: Offer): Fetching {
    const stopper = new AbortController()
    const begun: Fetching = {
      totalBytes: offer.disk.sizeBytes + (offer.base?.sizeBytes ?? 0),
      fetchedBytes: 0,
      stop: () => stopper.abort(),
      over: Promise.resolve().then(() => fetchAll(spec, offer, bytes => (begun.fetchedBytes += bytes), stopper.signal)),
    }
    begun.over.catch(() => {})
    return begun
  }

  return {
    forget,
    close() {
      for (const instance of [...fetching.keys()]) abandon(instance)
    },
    async checkMove(spec, fetched) {
      const guest = (await ledger.guests()).get(spec.instance)
      if (!guest) throw noGuest(spec.instance)
      if (!fetched && !guest.shared) {
        const why = `the disk of guest ${spec.instance} is a file of its host, and would be gone with it`
        throw new BatonError('DriverUnsupported', `${why}; it needs storage that the hosts share (driver.qemu.shared)`)
      }
      checkGrows(spec, await storage.diskBytesOf(guest))
    },

    async offer(instance, order) {
      await ledger.command('offer', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        const power = await runs.power(guest)
        if (isOn(power) || power === 'suspended')
          throw new BatonError('DriverFault', `guest ${instance} is ${power}; only one that is off is moved so`)
        await runs.kill(instance)
        return { guest, effect: false }
      })
      const guest = (await ledger.guests()).get(instance)
      if (!guest) throw noGuest(instance)
      if (guest.shared) return null
      const { root, slots } = guest
      const disk = join(runs.homeOf(instance), FILES.disk)
      const base = root.base && join(folder, root.base.file)
      const at = await door.invite(instance, (channel, stream) => serve({ disk, ...(base ? { base } : {}) }, channel, stream))
      const offer: Offer = {
        ...{ driver: 'qemu', at, slots, kernel: kernelImage(root), disk: { sizeBytes: (await stat(disk)).size } },
        base: root.base && base ? { ...root.base, sizeBytes: (await stat(base)).size } : null,
      }
      return offer
    },

    async fetch(spec, order, from, waitMs) {
      const { instance } = spec
      if (!Value.Check(OfferSchema, from)) throw new BatonError('DriverFault', 'the source offers no guest of QEMU')
      let seen: MovedDisk = { done: false, diskTotalBytes: 0, diskProcessedBytes: 0, diskRemainingBytes: 0 }
      await ledger.command('fetch', instance, order, async before => {
        if (before && isOn(await runs.power(before))) throw new BatonError('DriverFault', `guest ${instance} runs on this host already`)
        if (before?.fetched) return { guest: before, effect: false }
        const base = from.base && { file: from.base.file, format: from.base.format }
        const guest: QemuGuest = {
          ...{ spec, begun: order, order: before?.order ?? -1, method: before?.method ?? 'fetch', effect: before?.effect ?? null, stopped: true },
          ...{ root: { base, kernel: null }, rescue: null, saved: false, run: before?.run ?? NEVER_RUN },
          slots: assignSlots(from.slots, spec.devices ?? NO_DEVICES),
        }
        // Written down first, so that the image it is read through to is known to be needed.
        await ledger.save(instance, guest)
        const under = fetching.get(instance) ?? begin(spec, from)
        fetching.set(instance, under)
        const root = await within(env, waitMs, under.over).catch(error => {
          abandon(instance)
          throw new BatonError('DriverFault', `guest ${instance} could not be fetched: ${error instanceof Error ? error.message : error}`)
        })
        const { totalBytes } = under
        const processedBytes = root ? totalBytes : Math.min(under.fetchedBytes, totalBytes)
        seen = {
          done: root !== null,
          diskTotalBytes: totalBytes,
          diskProcessedBytes: processedBytes,
          diskRemainingBytes: totalBytes - processedBytes,
        }
        if (!root) return { guest, effect: false }
        fetching.delete(instance)
        return { guest: { ...guest, root, fetched: true }, effect: true }
      })
      if ((await ledger.guests()).get(instance)?.fetched) seen = { ...seen, done: true }
      return seen
    },
  }
}

/** Of a file, in hex. */
async function sha256(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(handle.createReadStream({ highWaterMark: PIECE_BYTES, autoClose: false }), hash)
  return hash.digest('hex')
}
