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
})

const StandingFields = {
  begun: Type.Number(),
  order: Type.Number(),
  method: Type.Enum([...DRIVER_METHODS]),
  effect: Type.Union([EffectSchema, Type.Null()]),
  spec: SpecSchema,
}

export const FakeGuestSchema = Type.Object({
  ...StandingFields,
  power: Type.Enum([...POWER_STATES]),
  /** Whether it was booted from another image than its own. */
  rescued: Type.Optional(Type.Boolean()),
  /** What is on the disk it boots from. */
  disk: Type.Optional(Type.Array(Type.String())),
  /** Console lines, the newest last. */
  console: Type.Array(Type.String()),
})
export type FakeGuest = Static<typeof FakeGuestSchema>

export const ProcessGuestSchema = Type.Object({
  ...StandingFields,
  /** Whether it was told to be off: then it counts as `shutdown`, however it ended. */
  stopped: Type.Boolean(),
  paused: Type.Boolean(),
  /** The newest launch. The pid alone says nothing: it counts only with its start time, in the same boot. */
  run: Type.Object({
    number: Type.Number(),
    /** The command that launched it. */
    method: Type.Enum([...DRIVER_METHODS]),
    order: Type.Number(),
    bootId: Type.String(),
    pid: Type.Number(),
    startTicks: Type.Number(),
  }),
})
export type ProcessGuest = Static<typeof ProcessGuestSchema>

export const parseWith =
  <S extends TSchema>(schema: S) =>
  (value: unknown): Static<S> | null =>
    Value.Check(schema, value) ? value : null
