import type { Planted } from './planted.ts'

export const deadlineIgnored: Planted = {
  name: 'deadline-ignored',
  what: 'A call that has come too late is carried out all the same.',
  file: 'transport/incoming.ts',
  find: 'const leftMs = e.ttl - session.age.observe(e.at, now)\n    if (leftMs <= 0) {\n      counts.expired++\n      return\n    }\n    if (answers',
  replace: 'const leftMs = 1e9\n    if (answers',
}
