/** Every migration, oldest first. A released one never changes; the next change is a new file and one line here. */
import { Migration0001 } from './0001-initial.ts'
import { Migration0002 } from './0002-images-disks.ts'
import { Migration0003 } from './0003-placement.ts'
import { Migration0004 } from './0004-cluster-clock.ts'
import { Migration0005 } from './0005-image-service.ts'
import { Migration0006 } from './0006-instance-lists.ts'
import { Migration0007 } from './0007-guests.ts'
import { Migration0008 } from './0008-audit.ts'
import { Migration0009 } from './0009-agents.ts'

export const MIGRATIONS = [
  { name: '0001-initial', class: Migration0001 },
  { name: '0002-images-disks', class: Migration0002 },
  { name: '0003-placement', class: Migration0003 },
  { name: '0004-cluster-clock', class: Migration0004 },
  { name: '0006-instance-lists', class: Migration0006 },
  { name: '0005-image-service', class: Migration0005 },
  { name: '0007-guests', class: Migration0007 },
  { name: '0008-audit', class: Migration0008 },
  { name: '0009-agents', class: Migration0009 },
]
