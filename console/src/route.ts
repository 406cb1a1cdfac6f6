/** Where one is: a view, perhaps one thing of it, and how it is looked at. All of it stands in the URL's fragment. Pure. */

export interface Route {
  readonly view: string
  readonly id: string | null
  readonly query: Readonly<Record<string, string>>
}

/** `#/instances/<id>?state=error` */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [view = '', id = ''] = path.split('/', 2).map(decode)
  return { view: view || 'overview', id: id || null, query: Object.fromEntries(new URLSearchParams(search)) }
}

/** Empty parts of the query are left out. */
export function hrefOf(view: string, id: string | null = null, query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString()
  return `#/${view}${id === null ? '' : `/${encodeURIComponent(id)}`}${search && `?${search}`}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    // Somebody cut the link in the middle of a character.
    return part
  }
}
