/** From what a person types, a name or an id, to the one thing meant. */
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Client } from './http.ts'
import { getInstance, type Instance, listInstances } from './nova.ts'

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** The instance with this id, or the only one with this name. Rejects `NotFound`, or `BadRequest` when several have the name. */
export async function findInstance(client: Client, reference: string): Promise<Instance> {
  if (UUID.test(reference)) {
    try {
      return await getInstance(client, reference)
    } catch (error) {
      if (!(error instanceof BatonError && error.code === 'NotFound')) throw error
    }
  }
  const named = await listInstances(client, { name: reference })
  return pick(
    'instance',
    reference,
    named.filter(i => i.name === reference),
  )
}

/** The thing with this id, or the only one with this name. */
export function findNamed<T extends { readonly id: string; readonly name: string }>(what: string, reference: string, all: readonly T[]): T {
  const byId = all.find(thing => thing.id === reference)
  return (
    byId ??
    pick(
      what,
      reference,
      all.filter(thing => thing.name === reference),
      all,
    )
  )
}

function pick<T extends { readonly id: string; readonly name: string }>(
  what: string,
  reference: string,
  matches: readonly T[],
  all?: readonly T[],
): T {
  const [first] = matches
  if (first === undefined) {
    const there = all === undefined ? `; \`baton ${what} list\` shows what there is` : `; there are: ${all.map(t => t.name).join(', ') || 'none'}`
    throw new BatonError('NotFound', `no ${what} is called ${JSON.stringify(reference)}${there}`)
  }
  if (matches.length > 1)
    throw new BatonError(
      'BadRequest',
      `${matches.length} ${what}s are called ${JSON.stringify(reference)}; name one by id: ${matches.map(t => t.id).join(', ')}`,
    )
  return first
}
