/**
 * Disks, images and devices of the fake driver. A fake guest's disk is a few lines of text, which begin with those of its image and
 * then say who was made from it; so a snapshot carries what its guest had, and whatever is built from it shows where it came from.
 */
import { BatonError } from '../../kernel/errors.ts'
import type { Devices, GuestSpec, HypervisorDriver } from '../driver.ts'
import type { ImageSource } from '../images.ts'
import type { BlobStore } from './blobs.ts'
import { FAKE_IMAGE } from './images.ts'
import type { Ledger } from './ledger.ts'
import type { FakeGuest } from './records.ts'
import { type DriverMethod, noGuest } from './rules.ts'

/** Lines kept of a disk, the newest. */
const DISK_LINES = 20
/** What is looked at of an uploaded image, bytes, and kept of one of its lines. */
const HEAD_BYTES = 4096
const LINE_CHARACTERS = 200

export interface FakeStorageOptions {
  readonly ledger: Ledger<FakeGuest>
  readonly blobs: BlobStore
  /** Those that were not made on this host. */
  readonly images: ImageSource | undefined
  /** Waits and fails as told. */
  endure(method: DriverMethod, metadata: GuestSpec['metadata']): Promise<void>
  /** The guest with these lines on its console. */
  noted(guest: FakeGuest, ...lines: string[]): FakeGuest
}

type Port = Required<Pick<HypervisorDriver, 'setDevices' | 'snapshot' | 'discardSnapshot' | 'openImage' | 'removeImage' | 'removeDisk'>>

export interface FakeStorage {
  readonly port: Port
  /** A new disk from an image. Rejects with `DriverFault` when the image is not here. */
  diskFrom(image: string, instance: string): Promise<string[]>
}

const idsOf = (devices: Devices | undefined): string[] => [...(devices?.disks ?? []), ...(devices?.interfaces ?? [])].map(d => d.id)

/** As much of an image as a fake disk has of it: the lines of its beginning, or its name when it has none. */
function linesOf(bytes: Uint8Array, image: string): string[] {
  const text = new TextDecoder().decode(bytes)
  const lines = /^[\t\n\r\x20-\x7e]*$/.test(text) ? text.split(/\r?\n/).filter(line => line !== '') : []
  return lines.length > 0 ? lines.map(line => line.slice(0, LINE_CHARACTERS)).slice(-DISK_LINES) : [`image ${image}`]
}

export function fakeStorage({ ledger, blobs, images, endure, noted }: FakeStorageOptions): FakeStorage {
  async function imageLines(image: string, instance: string): Promise<readonly string[]> {
    if (image === FAKE_IMAGE.id) return [`image ${FAKE_IMAGE.name}`]
    const blob = await blobs.get('images', image)
    if (blob) return blob.lines
    if (!images) throw new BatonError('DriverFault', `image ${image} is not on this host`)
    return images.use(image, instance, async found => linesOf(await found.head(HEAD_BYTES), image))
  }

  /** The last line of defence: whoever asks should know that it is in use. */
  async function checkFree(instance: string, devices: Devices): Promise<void> {
    for (const other of (await ledger.guests()).values()) {
      const taken = other.spec.instance === instance ? undefined : other.spec.devices?.disks.find(d => devices.disks.some(w => w.id === d.id))
      if (taken) throw new BatonError('DriverFault', `disk ${taken.id} is plugged into guest ${other.spec.instance}`)
    }
  }

  const port: Port = {
    setDevices: (instance, order, devices) =>
      ledger.command('setDevices', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        await checkFree(instance, devices)
        const before = idsOf(guest.spec.devices)
        const after = idsOf(devices)
        const lines = [
          ...before.filter(id => !after.includes(id)).map(id => `device ${id}: unplugged`),
          ...after.filter(id => !before.includes(id)).map(id => `device ${id}: plugged in`),
        ]
        if (lines.length === 0) return { guest, effect: false }
        await endure('setDevices', guest.spec.metadata)
        for (const { id, sizeGb } of devices.disks) if (!(await blobs.get('disks', id))) await blobs.put('disks', id, { lines: [`${sizeGb} GB`] })
        return { guest: noted({ ...guest, spec: { ...guest.spec, devices } }, ...lines), effect: true }
      }),
    async snapshot(instance, order, image) {
      await ledger.command('snapshot', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        await endure('snapshot', guest.spec.metadata)
        await blobs.put('images', image, { lines: [...(guest.disk ?? [])] })
        return { guest: noted(guest, `disk copied to image ${image}`), effect: true }
      })
      const blob = await blobs.get('images', image)
      if (!blob) throw new BatonError('DriverFault', `image ${image} has vanished from this host`)
      return { sizeBytes: Buffer.byteLength(blob.lines.join('\n')) }
    },
    async discardSnapshot(instance, order, image) {
      const known = (await ledger.guests()).has(instance)
      // Its rank stands with the guest; where there is none no snapshot of it can be made.
      if (!known) return blobs.remove('images', image)
      await ledger.command('discardSnapshot', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        const there = (await blobs.get('images', image)) !== null
        await blobs.remove('images', image)
        return { guest, effect: there }
      })
    },
    async openImage(image) {
      const blob = await blobs.get('images', image)
      if (!blob) throw new BatonError('NotFound', `image ${image} is not on this host`)
      const bytes = new TextEncoder().encode(blob.lines.join('\n'))
      return {
        sizeBytes: bytes.length,
        async *read(from) {
          if (from < bytes.length) yield bytes.subarray(from)
        },
      }
    },
    removeImage: image => blobs.remove('images', image),
    removeDisk: disk => blobs.remove('disks', disk),
  }

  return {
    port,
    diskFrom: async (image, instance) => [...(await imageLines(image, instance)), `instance ${instance}`].slice(-DISK_LINES),
  }
}
