/** Links as Nova writes them: `self` with the version in its path, `bookmark` without. */
import { COMPUTE } from '../context.ts'
import { nextQuery } from '../requests/paging.ts'

export interface Link {
  readonly rel: string
  readonly href: string
}

const UNVERSIONED = COMPUTE.slice(0, COMPUTE.lastIndexOf('/'))

export const selfLink = (origin: string, path: string): Link => ({ rel: 'self', href: `${origin}${COMPUTE}/${path}` })

export const bookmark = (origin: string, path: string): Link => ({ rel: 'bookmark', href: `${origin}${UNVERSIONED}/${path}` })

export const links = (origin: string, path: string): Link[] => [selfLink(origin, path), bookmark(origin, path)]

/** The link to the next page in a list, empty when there is none. `url` is the path and query of this request. */
export function nextPage(origin: string, url: string, next: string | null): Link[] {
  if (next === null) return []
  const path = url.split('?', 1)[0] ?? ''
  return [{ rel: 'next', href: `${origin}${path}?${nextQuery(url, next)}` }]
}

/** `{ <name>_links: [next] }` when there is a next page, else nothing. */
export const nextLinks = (name: string, origin: string, url: string, next: string | null): Record<string, Link[]> =>
  next === null ? {} : { [`${name}_links`]: nextPage(origin, url, next) }
