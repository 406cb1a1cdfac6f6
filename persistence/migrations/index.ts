/** Every migration, oldest first. A released one never changes; the next change is a new file and one line here. */
import { Migration0001 } from './0001-initial.ts'
import { MigrationPlacement } from './0002-placement.ts'

export const MIGRATIONS = [
  { name: '0001-initial', class: Migration0001 },
  { name: '0002-placement', class: MigrationPlacement },
]
