/**
 * The port between the hypervisor actor and whatever really runs instances. Every method is idempotent: told twice,
 * it does the thing once. Guests outlive the agent: a driver finds them again in `list` after a restart.
 */
import type { GuestChannels } from '../guest/contract.ts'
import type { Json } from '../kernel/define.ts'
import type { MadeImage } from './images.ts'
import type { MigrationDriver } from './migration.ts'

export type PowerState = 'running' | 'paused' | 'suspended' | 'shutdown' | 'crashed'

export const POWER_STATES: readonly PowerState[] = ['running', 'paused', 'suspended', 'shutdown', 'crashed']

/** A disk beside the one the guest boots from: a file of its host. */
export interface AttachedDisk {
  readonly id: string
  readonly sizeGb: number
  /** Its name in the guest: `/dev/vdb` … */
  readonly device: string
  /** By which the guest knows what it is for. */
  readonly tag?: string
  /** Whether it goes with the instance; absent: it stays. */
  readonly deleteOnTermination?: boolean
}

export interface Interface {
  readonly id: string
  /** A network of the host. */
  readonly network: string
  readonly mac: string
  readonly tag?: string
}

export interface Devices {
  readonly disks: readonly AttachedDisk[]
  readonly interfaces: readonly Interface[]
}

export const NO_DEVICES: Devices = { disks: [], interfaces: [] }

/** What a guest may know of itself beside its name and size. */
export interface GuestAbout {
  readonly project: string
  readonly reservation: string
  /** Name of its flavor. */
  readonly flavor: string
  readonly hostname: string
  /** Base64. */
  readonly userData?: string
  readonly keyPair?: { readonly name: string; readonly type: string; readonly publicKey: string }
  readonly configDrive?: boolean
  /** The form of its config drive; absent: OpenStack's. */
  readonly drive?: 'nocloud'
  /** Files it is to put in their places, contents in base64. */
  readonly files?: readonly { readonly path: string; readonly contents: string }[]
}

export interface GuestSpec {
  readonly instance: string
  readonly name: string
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  readonly image: string
  readonly metadata: Readonly<Record<string, string>>
  /** Absent: none. */
  readonly devices?: Devices
  /** Absent: of a conductor of before. */
  readonly about?: GuestAbout
  /** Whether its image has an agent; absent: no. */
  readonly agent?: boolean
}

export interface Guest {
  readonly instance: string
  readonly power: PowerState
  /** Order number of the newest command this guest has obeyed; an older command is refused as stale. */
  readonly order: number
  /** Whether an agent is expected in it; absent: no. */
  readonly agent?: boolean
}

export interface Inventory {
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  /** What instances may require or avoid: `HW_CPU_X86_AVX2`, `CUSTOM_…`. */
  readonly traits?: readonly string[]
  /** For how long the machine has been running; absent: the driver does not know. */
  readonly uptimeS?: number
}

/** Who answers a guest that asks about itself. */
export interface MetadataGuest {
  /** What is at a path, null for nothing. */
  read(path: string): Uint8Array | null
  /** Takes its password, encrypted. Resolves to the HTTP status of the answer. */
  leavePassword(password: string): Promise<number>
}

/** Opens a metadata service on a Unix socket. */
export interface MetadataDoor {
  open(path: string, guest: MetadataGuest): Promise<{ close(): Promise<void> }>
}

/** What a guest uses. Null: the driver does not know. */
export interface Diagnostics {
  readonly state: PowerState
  /** Since it was booted. */
  readonly uptimeS: number | null
  /** Time of all its processors together. */
  readonly cpuTimeNs: number | null
  /** Of its host's memory. */
  readonly memoryUsedMb: number | null
  /** As the guest itself sees it; absent: it has not said. */
  readonly guestMemory?: GuestMemory
}

/** What a guest says of its memory, by its balloon. */
export interface GuestMemory {
  /** Given to it: the size of its flavor, unless some was taken back. */
  readonly actualMb: number
  readonly totalMb: number
  readonly freeMb: number
  /** Free, or free as soon as it is needed. */
  readonly availableMb: number
}

/** How far the files of a guest are on their way to another host, in bytes. */
export interface MovedDisk {
  readonly done: boolean
  readonly diskTotalBytes: number
  readonly diskProcessedBytes: number
  readonly diskRemainingBytes: number
}

/** `serial`: a serial line, shared by all who look at it. `vnc`: a screen, by the RFB protocol (RFC 6143); each has a session of their own. */
export const STREAM_KINDS = ['serial', 'vnc'] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

/** Bytes to and from a guest that runs. Nothing is held back or given up here: who reads too slowly says `pause`. */
export interface GuestStream {
  /** Called once. `bytes` are the listener's to keep; after `end` nothing comes any more, and `why` says so to people. */
  start(to: { bytes(bytes: Uint8Array): void; end(why: string): void }): void
  /** Takes as much as there is room for, and answers with how many bytes that was: the others may be offered again later. */
  write(bytes: Uint8Array): number
  pause(): void
  resume(): void
  close(): void
}

export interface HypervisorDriver {
  readonly name: string
  /** What the machine has to give, and what the driver says of itself. */
  inventory(): Promise<Inventory & { readonly details: Record<string, Json> }>
  /** All guests that exist here, running or not. */
  list(): Promise<Guest[]>
  /** Makes the guest and starts it; resolves when it runs. A guest that already runs is left alone. */
  spawn(spec: GuestSpec, order: number): Promise<void>
  /** Removes every trace of the guest; `keepDisk`: but for a disk that other hosts reach too. A guest that does not exist is fine. */
  destroy(instance: string, order: number, keepDisk?: boolean): Promise<void>
  start(instance: string, order: number): Promise<void>
  /** Asks the guest to end, and after `graceMs` ends it. */
  stop(instance: string, order: number, graceMs: number): Promise<void>
  /** A reboot whose order the guest has already obeyed is not done again. */
  reboot(instance: string, order: number, mode: 'soft' | 'hard'): Promise<void>
  pause(instance: string, order: number): Promise<void>
  unpause(instance: string, order: number): Promise<void>
  /** What follows a driver may lack; it is then refused as `DriverUnsupported`. Saves memory to disk and stops. */
  suspend?(instance: string, order: number): Promise<void>
  resume?(instance: string, order: number): Promise<void>
  /** Boots the guest from another image, its own disk beside it. */
  rescue?(instance: string, order: number, image: string): Promise<void>
  /** Back to its own image, running or off. A guest that is not in rescue is left alone. */
  unrescue?(instance: string, order: number, running: boolean): Promise<void>
  /** Throws the disk away and makes it anew from the image of `spec`; then it runs or is off. Makes a guest that has vanished. */
  rebuild?(spec: GuestSpec, order: number, running: boolean): Promise<void>
  /**
   * On the source: whether the guest could go to another host with the size `spec` says; `fetched`: whether somebody would come for its disk.
   * Rejects `DriverFault` or `DriverUnsupported` when not so.
   */
  checkMove?(spec: GuestSpec, fetched: boolean): Promise<void>
  /** On the source, of a guest that is off and whose disk is a file of this host: answers where the destination gets it. */
  offer?(instance: string, order: number): Promise<Json>
  /** On the destination: gets what the source offers, and resolves when it has it, or after `waitMs`; told again it goes on. */
  fetch?(spec: GuestSpec, order: number, offer: Json, waitMs: number): Promise<MovedDisk>
  /**
   * Takes over a guest whose disk was fetched, or all hosts can reach, with the size `spec` says; then it runs or is off. The other host lets
   * go of it later.
   */
  receive?(spec: GuestSpec, order: number, running: boolean): Promise<void>
  /** Makes these the guest's devices, whatever it had, running or not. A disk that is not there yet is made; one taken away stays on the host. */
  setDevices?(instance: string, order: number, devices: Devices): Promise<void>
  /** Copies the guest's own disk into an image of that id on this host. The guest goes on meanwhile. */
  snapshot?(instance: string, order: number, image: string): Promise<{ readonly sizeBytes: number }>
  /** Takes a snapshot back: the image is gone and no older command makes it again. Fine when neither image nor guest is there. */
  discardSnapshot?(instance: string, order: number, image: string): Promise<void>
  /** The bytes of such an image. Rejects `NotFound` when it is not here. */
  openImage?(image: string): Promise<MadeImage>
  /** Images that guests here need as long as they exist, beside those that come with Baton. */
  imagesInUse?(): Promise<readonly string[]>
  /** Bytes of an image or disk that nobody needs any more; those that are not there are fine. */
  removeImage?(image: string): Promise<void>
  removeDisk?(disk: string): Promise<void>
  /** The watchdog has stopped this guest out of band; for drivers that would not see it by themselves. */
  lapsed?(instance: string): Promise<void>
  /** How guests are carried to another host while they run. */
  readonly migration?: MigrationDriver
  /** The way to the agents in its guests; left out, they have none. */
  readonly agents?: GuestChannels
  diagnostics?(instance: string): Promise<Diagnostics>
  /** Makes the guest's system panic, so that it writes down what it has in memory. */
  crashDump?(instance: string): Promise<void>
  setPassword?(instance: string, password: string): Promise<void>
  /** What `openStream` can open. */
  readonly streams?: readonly StreamKind[]
  /**
   * Opens a guest's serial line, beginning with the end of what the guest has written before, or its screen. Rejects `DriverFault` when the
   * guest is off. A serial line is opened once at a time.
   */
  openStream?(instance: string, kind: StreamKind): Promise<GuestStream>
  /** The last `maxBytes` of the console as text. */
  consoleLog(instance: string, maxBytes: number): Promise<string>
  /** Lets go of watchers and descriptors; guests go on. */
  close(): Promise<void>
}
