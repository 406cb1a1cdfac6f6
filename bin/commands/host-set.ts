/** `baton host set` */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, type Options, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { configureHost } from '../client/placement.ts'
import { print } from '../output/table.ts'
import { itemsOf, listed } from '../words.ts'
import { hostCard } from './host.ts'

const NUMBERS = ['reservedVcpus', 'reservedRamMb', 'reservedDiskGb', 'cpuRatio', 'ramRatio', 'diskRatio'] as const

const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)}`

/** Null for `default`. The cluster checks ranges; this only sees that it is a number. */
function numberOf(options: Options, name: string): number | null | undefined {
  const value = text(options, name)
  if (value === undefined) return undefined
  if (value === 'default') return null
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (!Number.isFinite(number)) throw new BatonError('BadRequest', `${flagOf(name)} must be a number or default, not ${JSON.stringify(value)}`)
  return number
}

function customOf(options: Options): Record<string, number> | undefined {
  const items = text(options, 'resources')
  if (items === undefined) return undefined
  return Object.fromEntries(
    itemsOf(items, 'resources').map(([name, amount]) => {
      if (!/^\d+$/.test(amount)) throw new BatonError('BadRequest', `--resources: ${name} must be a whole number, not ${JSON.stringify(amount)}`)
      return [name, Number(amount)]
    }),
  )
}

export async function set(call: Call): Promise<void> {
  const { options } = call
  const parts = [
    ...NUMBERS.map((name): [string, unknown] => [name, numberOf(options, name)]),
    ['custom', customOf(options)] as const,
    ...(['addTraits', 'removeTraits'] as const).map((name): [string, unknown] => {
      const traits = text(options, name)
      return [name, traits === undefined ? undefined : listed(traits)]
    }),
  ]
  const change = Object.fromEntries(parts.filter(([, value]) => value !== undefined))
  if (Object.keys(change).length === 0)
    throw new BatonError('BadRequest', `give at least one of ${NUMBERS.map(flagOf).join(', ')}, --resources, --add-traits, --remove-traits`)
  const host = await configureHost(httpClient(endpointOf(options)), argument(call, 0), change)
  print(given(options, 'json'), host, () => hostCard(host))
}
