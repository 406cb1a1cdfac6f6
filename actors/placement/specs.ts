/**
 * A flavor's extra specs and an image's properties, as far as placement understands them; other keys are kept and mean nothing here.
 *
 *     resources:CUSTOM_FPGA = 1                     so much of a custom resource
 *     trait:HW_CPU_X86_AVX2 = required | forbidden  of the host
 *     aggregate_instance_extra_specs:ssd = true     metadata of an aggregate that the host is in
 *     baton:ha_policy = restart-in-place            the policy of instances that are given none of their own
 */
import { HA_POLICIES, type HaPolicy } from '../api.ts'
import type { Amounts } from './amounts.ts'

export type Specs = Readonly<Record<string, string>>

const HA_SPEC = 'baton:ha_policy'
const CUSTOM_CLASS = /^CUSTOM_[A-Z0-9_]{1,248}$/
const TRAIT = /^[A-Z][A-Z0-9_]{0,254}$/
const KEY = /^[a-zA-Z0-9_:. -]{1,255}$/
const AGGREGATE = 'aggregate_instance_extra_specs:'
/** Of one resource, per instance and per host. */
const MAX_AMOUNT = 2 ** 31 - 1
/** Specs of one flavor. */
const MAX_SPECS = 128

export const resourceClassProblem = (name: string): string | null =>
  CUSTOM_CLASS.test(name) ? null : `${JSON.stringify(name)} is no custom resource class; it must be CUSTOM_ and then A-Z, 0-9 or _`

export const traitProblem = (name: string): string | null =>
  TRAIT.test(name) ? null : `${JSON.stringify(name)} is no trait; it must be of A-Z, 0-9 and _, as HW_CPU_X86_AVX2 or CUSTOM_SSD`

export const customTraitProblem = (name: string): string | null =>
  name.startsWith('CUSTOM_') && TRAIT.test(name) ? null : `${JSON.stringify(name)} is no custom trait; it must be CUSTOM_ and then A-Z, 0-9 or _`

/** What is wrong with these specs, or null. */
export function specsProblem(specs: Specs): string | null {
  const items = Object.entries(specs)
  if (items.length > MAX_SPECS) return `there are ${items.length} extra specs; at most ${MAX_SPECS} are allowed`
  for (const [key, value] of items) {
    const wrong = specProblem(key, value)
    if (wrong) return wrong
  }
  return null
}

function specProblem(key: string, value: unknown): string | null {
  if (!KEY.test(key)) return `extra spec ${JSON.stringify(key)}: a key has 1 to 255 characters out of a-z, A-Z, 0-9, "-", "_", ":", "." and space`
  if (typeof value !== 'string' || value.length > 255) return `extra spec ${key}: it must be text of at most 255 characters`
  const [namespace, name = ''] = splitOnce(key)
  if (namespace === 'resources') {
    const wrong = resourceClassProblem(name)
    if (wrong) return `extra spec ${key}: ${wrong}; vcpus, memory and disk are those of the flavor`
    if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > MAX_AMOUNT) {
      return `extra spec ${key}: it must be a whole number from 1 to ${MAX_AMOUNT}, not ${JSON.stringify(value)}`
    }
  }
  if (namespace === 'trait') {
    const wrong = traitProblem(name)
    if (wrong) return `extra spec ${key}: ${wrong}`
    if (value !== 'required' && value !== 'forbidden') return `extra spec ${key}: it must be required or forbidden, not ${JSON.stringify(value)}`
  }
  if (key === HA_SPEC && !HA_POLICIES.some(policy => policy === value)) {
    return `extra spec ${key}: it must be ${HA_POLICIES.join(', ')}, not ${JSON.stringify(value)}`
  }
  return null
}

/** The HA policy that a flavor gives to instances without one of their own. */
export const haPolicyOf = (specs: Specs = {}): HaPolicy | undefined => HA_POLICIES.find(policy => policy === specs[HA_SPEC])

function splitOnce(key: string): [string, string?] {
  const colon = key.indexOf(':')
  return colon < 0 ? [key] : [key.slice(0, colon), key.slice(colon + 1)]
}

const named = (specs: Specs, prefix: string): [string, string][] =>
  Object.entries(specs).flatMap(([key, value]): [string, string][] => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : []))

/** The custom resources asked for; undefined when there are none, as most flavors ask for none. */
export function customOf(specs: Specs = {}): Amounts | undefined {
  const items = named(specs, 'resources:').map(([name, value]): [string, number] => [name, Number(value)])
  return items.length > 0 ? Object.fromEntries(items) : undefined
}

export interface TraitDemand {
  readonly required: readonly string[]
  readonly forbidden: readonly string[]
}

/** The traits asked for, of flavor and image together. */
export function traitsOf(...sources: readonly (Specs | undefined)[]): TraitDemand {
  const all = sources.flatMap(specs => named(specs ?? {}, 'trait:'))
  const those = (how: string): string[] => [...new Set(all.filter(([, value]) => value === how).map(([name]) => name))]
  return { required: those('required'), forbidden: those('forbidden') }
}

/** Metadata that an aggregate of the host must have. */
export const aggregateSpecsOf = (specs: Specs = {}): Specs => Object.fromEntries(named(specs, AGGREGATE))

/** What a flavor takes of a host. */
export function resourcesOf(flavor: { readonly vcpus: number; readonly ramMb: number; readonly diskGb: number; readonly extraSpecs?: Specs }) {
  const { vcpus, ramMb, diskGb } = flavor
  const custom = customOf(flavor.extraSpecs)
  return custom ? { vcpus, ramMb, diskGb, custom } : { vcpus, ramMb, diskGb }
}
