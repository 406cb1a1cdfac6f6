import type { Planted } from './planted.ts'

export const staleReads: Planted = {
  name: 'stale-reads',
  what: 'The views are read from a copy that is now and then one version old.',
  file: 'persistence/memory-views.ts',
  find: '        const row = views[table].get(id)\n',
  replace: [
    '        const seen = (views as { seen?: Map<string, EncodedRow[]> })\n',
    '        seen.seen ??= new Map()\n',
    '        const now = views[table].get(id)\n',
    '        const known = seen.seen.get(id) ?? []\n',
    '        if (now && known.at(-1) !== now) seen.seen.set(id, [...known, now].slice(-2))\n',
    '        const row = now && known.length > 0 && now.body.length % 3 === 0 ? known[0] : now\n',
  ].join(''),
}
