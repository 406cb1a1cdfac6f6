/** Lists come in pages; this reads on until there is no next page or enough was found. */
import { type Guard, isRecord, listOf } from './guards.ts'
import type { Client, RequestOptions } from './http.ts'

/** Items asked for at a time; a gateway may give fewer. */
const PAGE = 1000

export interface ListRequest<T> {
  readonly path: string
  /** The field of the answer under which the list stands; its next link is `<name>_links`, or `next` as in Glance. */
  readonly name: string
  readonly item: Guard<T>
  readonly query?: RequestOptions['query']
  /** At most so many; all when absent. */
  readonly limit?: number | undefined
  /** Id of the item after which the list begins. */
  readonly marker?: string | undefined
}

export async function listAll<T extends { readonly id: string }>(client: Client, request: ListRequest<T>): Promise<T[]> {
  const { path, name, query, limit = Number.POSITIVE_INFINITY } = request
  const isList = listOf(request.item)
  const isAnswer = (value: unknown): value is Readonly<Record<string, unknown>> => isRecord(value) && isList(value[name])
  const found: T[] = []
  let marker = request.marker
  while (found.length < limit) {
    const page = { ...query, limit: Math.min(PAGE, limit - found.length), marker }
    const { body } = await client.request('GET', path, isAnswer, { query: page })
    const items = body[name]
    if (!isList(items) || items.length === 0) break
    found.push(...items)
    marker = items.at(-1)?.id
    if (!(`${name}_links` in body || 'next' in body)) break
  }
  return found
}
