/** Which driver a compute host uses. */
import { join } from 'node:path'
import type { Env } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import type { HypervisorDriver, Inventory, MetadataDoor } from '../driver.ts'
import type { ImageSource } from '../images.ts'
import type { HostLease } from '../lease.ts'
import { folderBlobs } from './blobs.ts'
import type { Hierarchy } from './cgroup.ts'
import { createFakeDriver, type FakeOptions } from './fake.ts'
import { folderStore } from './folder-store.ts'
import { type Capabilities, probeCapabilities } from './process/capabilities.ts'
import { openProcessDriver } from './process/driver.ts'
import { qemuAgents } from './qemu/agent-channel.ts'
import type { FetchImage } from './qemu/bases.ts'
import { openQemuDriver, type QemuOptions } from './qemu/driver.ts'
import { QEMU_FOLDER } from './qemu/runs.ts'
import { findTools, userFor } from './qemu/tools.ts'
import { FakeGuestSchema, parseWith } from './records.ts'

export type DriverChoice = 'auto' | 'fake' | 'process' | 'qemu'

export interface ChooseOptions {
  /** State of this host's guests; each driver has a folder of its own in it. */
  readonly folder: string
  /** Said to be there instead of what the machine has. */
  readonly capacity?: Inventory
  /** The same for the fake driver only, which otherwise has `FAKE_CAPACITY`. */
  readonly fakeCapacity?: Inventory
  readonly fake?: Omit<FakeOptions, 'capacity'>
  readonly lease?: Pick<HostLease, 'permit'>
  /** Uploaded images. */
  readonly images?: ImageSource
  /** Whether the process driver may run them: each is a script with the rights of the agent. */
  readonly uploadedProcesses?: boolean
  readonly qemu?: {
    /** Folder of images that `npm run images` has built. */
    readonly built: string
    /** Number of the user that guests run as, when the agent is root. */
    readonly uid: number
    readonly moves?: QemuOptions['moves']
  }
  /** Answers guests that ask about themselves, of drivers whose guests can. */
  readonly metadata?: MetadataDoor
  readonly leavePassword?: (instance: string, password: string) => Promise<number>
}

export interface Chosen {
  readonly driver: HypervisorDriver
  /** Which driver it is and why, as one line for people. */
  readonly because: string
  /** Control groups that guests are held in; of the process driver. */
  readonly hierarchies: readonly Hierarchy[]
}

/** Room for builds by the thousand: a fake guest takes none. */
export const FAKE_CAPACITY: Inventory = { vcpus: 100_000, ramMb: 100_000 * 1024, diskGb: 1_000_000 }

/** Rejects with `DriverUnsupported` when what is asked for cannot work here; `auto` takes `process`, or else the fake one. */
export async function chooseDriver(choice: DriverChoice, env: Env, options: ChooseOptions): Promise<Chosen> {
  if (choice === 'fake') return { driver: openFake(env, options), because: 'fake: asked for', hierarchies: [] }
  if (choice === 'qemu') return openQemu(env, options)
  try {
    const capabilities = await probeCapabilities(env)
    const driver = await openProcessDriver(env, {
      folder: join(options.folder, 'process'),
      capacity: options.capacity,
      capabilities,
      lease: options.lease,
      ...(options.uploadedProcesses ? { source: options.images } : {}),
      metadata: options.metadata,
      leavePassword: options.leavePassword,
    })
    const because = `process: ${choice === 'auto' ? 'the best that works here' : 'asked for'}, with ${means(capabilities)}`
    return { driver, because, hierarchies: capabilities.cgroups?.hierarchies ?? [] }
  } catch (error) {
    if (choice === 'process' || !(error instanceof BatonError && error.code === 'DriverUnsupported')) throw error
    return { driver: openFake(env, options), because: `fake: ${error.message}`, hierarchies: [] }
  }
}

async function openQemu(env: Env, { folder, capacity, lease, images, qemu }: ChooseOptions): Promise<Chosen> {
  const tools = await findTools(env)
  const driver = await openQemuDriver(env, {
    ...{ folder: join(folder, QEMU_FOLDER), capacity, lease, tools },
    built: qemu?.built ?? '',
    moves: qemu?.moves,
    user: qemu ? await userFor(qemu.uid) : null,
    ...(images ? { fetch: fetchFrom(images) } : {}),
  })
  // Whichever machine there is, the way to its agent is a socket in its folder.
  const agents = qemuAgents(join(folder, QEMU_FOLDER, 'run'))
  return { driver: Object.assign(driver, { agents }), because: `qemu: asked for, QEMU ${tools.version} with ${tools.because}`, hierarchies: [] }
}

const fetchFrom =
  (images: ImageSource): FetchImage =>
  (image, instance, task) =>
    images.use(image, instance, ({ path, format, kernel = null }) => task({ path: path ?? '', format: format ?? 'unknown', kernel }))

function openFake(env: Env, options: ChooseOptions): HypervisorDriver {
  const store = folderStore({
    folder: join(options.folder, 'fake'),
    parse: parseWith(FakeGuestSchema),
    onUnreadable: file => env.log.warn({ file }, 'not the record of a guest; left alone'),
  })
  return createFakeDriver(env, store, {
    blobs: folderBlobs(join(options.folder, 'fake')),
    ...options.fake,
    images: options.images,
    lease: options.lease,
    capacity: options.capacity ?? options.fakeCapacity ?? FAKE_CAPACITY,
  })
}

function means({ namespaces, cgroups }: Capabilities): string {
  const spaces = namespaces.length > 0 ? `namespaces (${namespaces.join(', ')})` : 'no namespaces'
  return `${spaces} and ${cgroups ? `cgroups (${cgroups.controllers.join(', ')})` : 'no cgroups'}`
}
