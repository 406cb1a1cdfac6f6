/** Lists come in pages: `limit` items behind `marker`, and a link to the next page when this one is full, as in Nova. */
import type { Page } from '../../../actors/api.ts'
import type { PageQuery } from './schemas.ts'

export interface PageOf<T> {
  readonly items: readonly T[]
  /** The marker of the next page, null when there is none. */
  readonly next: string | null
}

export const limitOf = (query: PageQuery, maxItems: number): number => Math.min(query.limit === undefined ? maxItems : Number(query.limit), maxItems)

/** One page of `list`. A limit of 0 is an empty page. */
export async function pageOf<T extends { readonly id: string }>(
  query: PageQuery,
  maxItems: number,
  list: (page: Page) => Promise<readonly T[]>,
): Promise<PageOf<T>> {
  const limit = limitOf(query, maxItems)
  if (limit === 0) return { items: [], next: null }
  const items = await list(query.marker === undefined ? { limit } : { limit, marker: query.marker })
  return { items, next: items.length >= limit ? (items.at(-1)?.id ?? null) : null }
}

/** The query of this request with another marker, without the question mark. */
export function nextQuery(url: string, marker: string): string {
  const at = url.indexOf('?')
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  query.set('marker', marker)
  return query.toString()
}
