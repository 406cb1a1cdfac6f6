/** What operators say of a host beyond its size: amounts kept back, ratios, custom resources and traits. Pure. */
import type { ConfigureHost, HostSettings } from '../api.ts'
import type { ErrorCode } from '../kernel/errors.ts'
import type { HostDefaults, HostPlacement, Resources } from '../placement/amounts.ts'
import { resourceClassProblem, traitProblem } from '../placement/specs.ts'

export const DEFAULT_SETTINGS: HostSettings = {
  reserved: { vcpus: null, ramMb: null, diskGb: null },
  ratios: { vcpu: null, ram: null, disk: null },
  custom: {},
  traits: [],
}

/** Custom classes and traits of one host. */
const MAX_NAMES = 256
const MAX_AMOUNT = 2 ** 31 - 1
const RATIO = { min: 0.01, max: 1000 } as const

type Change = Omit<ConfigureHost, 'id'>

/** Undefined is: as it was. Null is: as configured for all hosts. */
const chosen = <T>(given: T | undefined, before: T): T => (given === undefined ? before : given)

export function configured(before: HostSettings, change: Change): HostSettings {
  const custom = Object.entries({ ...before.custom, ...change.custom }).filter(([, amount]) => amount !== 0)
  const traits = [...before.traits, ...(change.addTraits ?? [])].filter(trait => !change.removeTraits?.includes(trait))
  return {
    reserved: {
      vcpus: chosen(change.reservedVcpus, before.reserved.vcpus),
      ramMb: chosen(change.reservedRamMb, before.reserved.ramMb),
      diskGb: chosen(change.reservedDiskGb, before.reserved.diskGb),
    },
    ratios: {
      vcpu: chosen(change.cpuRatio, before.ratios.vcpu),
      ram: chosen(change.ramRatio, before.ratios.ram),
      disk: chosen(change.diskRatio, before.ratios.disk),
    },
    custom: Object.fromEntries(custom),
    traits: [...new Set(traits)].sort(),
  }
}

interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

const wrong = (message: string): Problem => ({ code: 'BadRequest', message })

/** Why a host cannot be set up so, or null. Lowering what is promised below what is used is allowed: nothing new fits until it is. */
export function configureProblem(settings: HostSettings, total: Resources, used: Resources, change: Change): Problem | null {
  const reserved = [
    ['vcpus', settings.reserved.vcpus, total.vcpus],
    ['ram MB', settings.reserved.ramMb, total.ramMb],
    ['disk GB', settings.reserved.diskGb, total.diskGb],
  ] as const
  for (const [what, amount, most] of reserved) {
    if (amount === null) continue
    if (!Number.isSafeInteger(amount) || amount < 0) return wrong(`reserved ${what} must be a whole number of at least 0, not ${amount}`)
    if (amount > most) return wrong(`${amount} ${what} cannot be reserved: it has ${most} in all`)
  }
  for (const [what, ratio] of Object.entries(settings.ratios)) {
    if (ratio === null) continue
    if (!Number.isFinite(ratio) || ratio < RATIO.min || ratio > RATIO.max)
      return wrong(`the ${what} ratio must be from ${RATIO.min} to ${RATIO.max}, not ${ratio}`)
  }
  return customProblem(settings, used, change) ?? traitsProblem(settings, change)
}

function customProblem(settings: HostSettings, used: Resources, change: Change): Problem | null {
  for (const [name, amount] of Object.entries(change.custom ?? {})) {
    const unknown = resourceClassProblem(name)
    if (unknown) return wrong(unknown)
    if (!Number.isSafeInteger(amount) || amount < 0 || amount > MAX_AMOUNT) {
      return wrong(`${name} must be a whole number from 0 to ${MAX_AMOUNT}, not ${amount}`)
    }
    const inUse = used.custom?.[name] ?? 0
    if (amount < inUse)
      return { code: 'Conflict', message: `${inUse} ${name} are in use, so it cannot have ${amount}; move instances away first`, details: { inUse } }
  }
  return Object.keys(settings.custom).length > MAX_NAMES ? wrong(`it has more than ${MAX_NAMES} custom resources`) : null
}

function traitsProblem(settings: HostSettings, change: Change): Problem | null {
  for (const trait of [...(change.addTraits ?? []), ...(change.removeTraits ?? [])]) {
    const unknown = traitProblem(trait)
    if (unknown) return wrong(unknown)
  }
  return settings.traits.length > MAX_NAMES ? wrong(`it has more than ${MAX_NAMES} traits`) : null
}

/** What is in force. */
export function placementOf(
  driverTraits: readonly string[] = [],
  settings: HostSettings = DEFAULT_SETTINGS,
  used: Resources,
  { reserved, ratios }: HostDefaults,
): HostPlacement {
  return {
    reserved: {
      vcpus: settings.reserved.vcpus ?? reserved.vcpus,
      ramMb: settings.reserved.ramMb ?? reserved.ramMb,
      diskGb: settings.reserved.diskGb ?? reserved.diskGb,
    },
    ratios: {
      vcpu: settings.ratios.vcpu ?? ratios.vcpu,
      ram: settings.ratios.ram ?? ratios.ram,
      disk: settings.ratios.disk ?? ratios.disk,
    },
    custom: settings.custom,
    customUsed: used.custom ?? {},
    traits: [...new Set([...driverTraits, ...settings.traits])].sort(),
    reported: driverTraits,
  }
}
