/** `--zone`, `--host`, `--group` and `--hint` in Nova's words. */
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Options, text } from '../call.ts'
import type { Client } from '../client/http.ts'
import { findGroup } from '../client/placement.ts'
import { findInstance } from '../client/resolve.ts'
import { itemsOf } from '../words.ts'

const HINTS = ['same_host', 'different_host'] as const

export interface Place {
  /** `zone`, `zone:host`, or `:host`. */
  readonly availability_zone?: string
  readonly hints?: Readonly<Record<string, string | readonly string[]>>
}

/** Names are looked up. Rejects `NotFound`, or `BadRequest` for a hint that is none. */
export async function placeOf(client: Client, options: Options): Promise<Place> {
  const zone = text(options, 'zone')
  const host = text(options, 'host')
  const hints: Record<string, string | string[]> = {}
  const group = text(options, 'group')
  if (group !== undefined) hints.group = (await findGroup(client, group)).id
  for (const [key, value] of itemsOf(text(options, 'hint') ?? '', 'hint')) {
    const name = HINTS.find(hint => hint === key)
    if (name === undefined)
      throw new BatonError('BadRequest', `--hint: there is no hint ${JSON.stringify(key)}; there are ${HINTS.join(', ')}, and --group`)
    hints[name] = [...(hints[name] ?? []), (await findInstance(client, value)).id]
  }
  return {
    ...(zone === undefined && host === undefined ? {} : { availability_zone: host === undefined ? (zone ?? '') : `${zone ?? ''}:${host}` }),
    ...(Object.keys(hints).length > 0 ? { hints } : {}),
  }
}
