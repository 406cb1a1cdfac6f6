/**
 * What of a machine must be alike at both ends of a live migration: memory is only understood by a machine that looks the same. Pure, but for
 * the name of this host's processor.
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Json } from '../../../kernel/define.ts'
import { BatonError } from '../../../kernel/errors.ts'
import type { QemuGuest } from '../records.ts'
import type { Root } from './command-line.ts'
import type { Tools } from './tools.ts'

export const ShapeSchema = Type.Object({
  accelerator: Type.String(),
  /** Name of the host's processor, which guests see as it is with KVM; null: it does not matter. */
  cpu: Type.Union([Type.String(), Type.Null()]),
  /** Places of devices on the bus. */
  slots: Type.Record(Type.String(), Type.Number()),
  /** Image whose kernel starts it; null: it starts from its disk. */
  kernel: Type.Union([Type.String(), Type.Null()]),
  diskBytes: Type.Number(),
  paused: Type.Boolean(),
})
export type Shape = Static<typeof ShapeSchema>

/** Name of the processor of this host. */
export async function cpuName(): Promise<string> {
  return /^model name\s*:\s*(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))?.[1]?.trim() ?? 'unknown'
}

/** Which image the kernel is of. */
export const kernelImage = ({ kernel }: Root): string | null => (kernel ? basename(kernel.kernel, '.kernel') : null)

export function shapeOf(
  { root, slots }: QemuGuest,
  { accelerator }: Pick<Tools, 'accelerator'>,
  more: { readonly cpu: string; readonly diskBytes: number; readonly paused: boolean },
): Shape {
  return { accelerator, slots, kernel: kernelImage(root), ...more, cpu: accelerator === 'kvm' ? more.cpu : null }
}

/** Throws `DriverFault` for what is no shape: of another driver, or of an agent of before. */
export function parseShape(value: Json): Shape {
  if (!Value.Check(ShapeSchema, value)) throw new BatonError('DriverFault', 'the source has not said what the machine looks like')
  return value
}

/** Why a machine of this shape cannot go on here; null when it can. */
export function whyNotHere(shape: Shape, { accelerator }: Pick<Tools, 'accelerator'>, cpu: string): string | null {
  if (shape.accelerator !== accelerator) return `it runs with ${shape.accelerator}, and this host has ${accelerator}; migrate it cold instead`
  if (shape.cpu !== null && shape.cpu !== cpu) return `its processor is ${shape.cpu}, and that of this host is ${cpu}; migrate it cold instead`
  return null
}
