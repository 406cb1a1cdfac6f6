import type { Planted } from './planted.ts'

export const quotaNotChecked: Planted = {
  name: 'quota-not-checked',
  what: 'A project may have more than its quota.',
  file: 'actors/project/project.ts',
  find: 'if (over.length > 0) return exceeded',
  replace: 'if (over.length > 5) return exceeded',
}
