/**
 * The port between the hypervisor actor and whatever really runs instances. Every method is idempotent: told twice,
 * it does the thing once. Guests outlive the agent: a driver finds them again in `list` after a restart.
 */
import type { Json } from '../kernel/define.ts'
import type { MigrationDriver } from './migration.ts'

export type PowerState = 'running' | 'paused' | 'suspended' | 'shutdown' | 'crashed'

export const POWER_STATES: readonly PowerState[] = ['running', 'paused', 'suspended', 'shutdown', 'crashed']

export interface GuestSpec {
  readonly instance: string
  readonly name: string
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
  readonly image: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface Guest {
  readonly instance: string
  readonly power: PowerState
  /** Order number of the newest command this guest has obeyed; an older command is refused as stale. */
  readonly order: number
}

export interface Inventory {
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
}

export interface HypervisorDriver {
  readonly name: string
  /** What the machine has to give, and what the driver says of itself. */
  inventory(): Promise<Inventory & { readonly details: Record<string, Json> }>
  /** All guests that exist here, running or not. */
  list(): Promise<Guest[]>
  /** Makes the guest and starts it; resolves when it runs. A guest that already runs is left alone. */
  spawn(spec: GuestSpec, order: number): Promise<void>
  /** Removes every trace of the guest. A guest that does not exist is fine. */
  destroy(instance: string, order: number): Promise<void>
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
  /** Takes over a guest whose disk all hosts can reach, with the size `spec` says; then it runs or is off. The other host lets go of it later. */
  receive?(spec: GuestSpec, order: number, running: boolean): Promise<void>
  /** How guests are carried to another host while they run. */
  readonly migration?: MigrationDriver
  setPassword?(instance: string, password: string): Promise<void>
  /** The last `maxBytes` of the console as text. */
  consoleLog(instance: string, maxBytes: number): Promise<string>
  /** Lets go of watchers and descriptors; guests go on. */
  close(): Promise<void>
}
