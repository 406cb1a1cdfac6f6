/** Schemas of what the drivers keep on disk. A record is never trusted to have the shape it was written in. */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { POWER_STATES } from '../driver.ts'
import { EffectSchema } from './folder-store.ts'
import { DRIVER_METHODS } from './rules.ts'

const DevicesSchema = Type.Object({
  disks: Type.Immutable(Type.Array(Type.Object({ id: Type.String(), sizeGb: Type.Number(), device: Type.String() }))),
  interfaces: Type.Immutable(Type.Array(Type.Object({ id: Type.String(), network: Type.String(), mac: Type.String() }))),
})

const SpecSchema = Type.Object({
  instance: Type.String(),
  name: Type.String(),
  vcpus: Type.Number(),
  ramMb: Type.Number(),
  diskGb: Type.Number(),
  image: Type.String(),
  metadata: Type.Record(Type.String(), Type.String()),
  devices: Type.Optional(DevicesSchema),
  agent: Type.Optional(Type.Boolean()),
  about: Type.Optional(
    Type.Object({
      project: Type.String(),
      reservation: Type.String(),
      flavor: Type.String(),
      hostname: Type.String(),
      userData: Type.Optional(Type.String()),
      keyPair: Type.Optional(Type.Object({ name: Type.String(), type: Type.String(), publicKey: Type.String() })),
      configDrive: Type.Optional(Type.Boolean()),
      drive: Type.Optional(Type.Literal('nocloud')),
      files: Type.Optional(Type.Immutable(Type.Array(Type.Object({ path: Type.String(), contents: Type.String() })))),
    }),
  ),
})

const StandingFields = {
  begun: Type.Number(),
  order: Type.Number(),
  method: Type.Enum([...DRIVER_METHODS]),
  effect: Type.Union([EffectSchema, Type.Null()]),
  spec: SpecSchema,
}

/** What a fake guest has in its memory: a counter that runs while the guest does, and starts again with every boot. */
const FakeMemorySchema = Type.Object({
  /** Order of the command that booted it. */
  boot: Type.Number(),
  ticks: Type.Number(),
  /** Ms since 1970 when it had that many; null while it stands still. */
  sinceMs: Type.Union([Type.Number(), Type.Null()]),
})
export type FakeMemory = Static<typeof FakeMemorySchema>

/** What a guest that was handed over needs to go on elsewhere. `order` is that of the command that handed it over. */
export const FakeHandedSchema = Type.Object({
  order: Type.Number(),
  power: Type.Union([Type.Literal('running'), Type.Literal('paused')]),
  memory: FakeMemorySchema,
  disk: Type.Array(Type.String()),
})
export type FakeHanded = Static<typeof FakeHandedSchema>

/** A transfer to another host; see `fake-transfer.ts`. */
const FakeOutgoingSchema = Type.Object({
  startedMs: Type.Number(),
  /** Since when the guest is paused for it, ms since 1970. */
  forcedMs: Type.Union([Type.Number(), Type.Null()]),
  memoryBytes: Type.Number(),
  diskBytes: Type.Number(),
  bytesPerS: Type.Number(),
  dirtyBytesPerS: Type.Number(),
  /** What it goes on as, here or there. */
  power: Type.Union([Type.Literal('running'), Type.Literal('paused')]),
  /** Null until it is handed over. */
  handed: Type.Union([FakeHandedSchema, Type.Null()]),
})
export type FakeOutgoing = Static<typeof FakeOutgoingSchema>

export const FakeGuestSchema = Type.Object({
  ...StandingFields,
  power: Type.Enum([...POWER_STATES]),
  /** Whether it was booted from another image than its own. */
  rescued: Type.Optional(Type.Boolean()),
  /** What is on the disk it boots from. */
  disk: Type.Optional(Type.Array(Type.String())),
  /** Absent when it is off. */
  memory: Type.Optional(FakeMemorySchema),
  outgoing: Type.Optional(FakeOutgoingSchema),
  /** Since when its disk comes here, ms since 1970; until somebody takes it. */
  fetching: Type.Optional(Type.Number()),
  /** Whether it waits to be carried here. */
  incoming: Type.Optional(Type.Boolean()),
  /** `order` of what it came from, when it was carried here. */
  arrived: Type.Optional(Type.Number()),
  /** Console lines, the newest last. */
  console: Type.Array(Type.String()),
})
export type FakeGuest = Static<typeof FakeGuestSchema>

/** The newest launch. The pid alone says nothing: it counts only with its start time, in the same boot. */
const RunSchema = Type.Object({
  number: Type.Number(),
  /** The command that launched it. */
  method: Type.Enum([...DRIVER_METHODS]),
  order: Type.Number(),
  bootId: Type.String(),
  pid: Type.Number(),
  startTicks: Type.Number(),
})

export const ProcessGuestSchema = Type.Object({
  ...StandingFields,
  /** Whether it was told to be off: then it counts as `shutdown`, however it ended. */
  stopped: Type.Boolean(),
  paused: Type.Boolean(),
  run: RunSchema,
})
export type ProcessGuest = Static<typeof ProcessGuestSchema>

/** What a guest of QEMU boots from; see `qemu/command-line.ts`. */
export const QemuRootSchema = Type.Object({
  base: Type.Union([Type.Object({ file: Type.String(), format: Type.Enum(['raw', 'qcow2']) }), Type.Null()]),
  kernel: Type.Union([Type.Object({ kernel: Type.String(), initrd: Type.String(), append: Type.String() }), Type.Null()]),
})

const OnSchema = Type.Union([Type.Literal('running'), Type.Literal('paused')])

/** A way to another host; see `qemu/migration.ts`. */
const QemuOutgoingSchema = Type.Object({
  copyDisk: Type.Boolean(),
  /** What it goes on as, here or there. */
  power: OnSchema,
  /** Order of the command that stopped it here for good; null until then. */
  handed: Type.Union([Type.Number(), Type.Null()]),
})
export type QemuOutgoing = Static<typeof QemuOutgoingSchema>

/** What a destination is told by the source. */
export const QemuHandedSchema = Type.Object({ order: Type.Number(), power: OnSchema })
export type QemuHanded = Static<typeof QemuHandedSchema>

const QemuIncomingSchema = Type.Object({
  copyDisk: Type.Boolean(),
  /** Whether it was about to go on here: from then on it may have. */
  begun: Type.Boolean(),
})

export const QemuGuestSchema = Type.Object({
  ...StandingFields,
  /** Whether it was told to be off. */
  stopped: Type.Boolean(),
  run: RunSchema,
  root: QemuRootSchema,
  /** What it was booted from in rescue. */
  rescue: Type.Union([QemuRootSchema, Type.Null()]),
  /** Whether its memory is in a file, which is all there is of it. */
  saved: Type.Boolean(),
  /** Where its devices are on its bus. */
  slots: Type.Record(Type.String(), Type.Number()),
  /** Whether its disk is in the folder that the hosts share. */
  shared: Type.Optional(Type.Boolean()),
  /** Whether its disk has come from another host, and nobody has taken it yet. */
  fetched: Type.Optional(Type.Boolean()),
  outgoing: Type.Optional(QemuOutgoingSchema),
  incoming: Type.Optional(QemuIncomingSchema),
  /** Order of the command that handed it over, when it was carried here. */
  arrived: Type.Optional(Type.Number()),
})
export type QemuGuest = Static<typeof QemuGuestSchema>

export const parseWith =
  <S extends TSchema>(schema: S) =>
  (value: unknown): Static<S> | null =>
    Value.Check(schema, value) ? value : null
