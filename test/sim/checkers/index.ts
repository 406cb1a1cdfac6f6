/** All checkers; a new one is a file beside this and a line here. */
import { agents } from './agents.ts'
import { alerts } from './alerts.ts'
import { allocations } from './allocations.ts'
import { answersHold } from './answers-hold.ts'
import { available } from './available.ts'
import { bounded } from './bounded.ts'
import { byItsOwner } from './by-its-owner.ts'
import type { Checker } from './checker.ts'
import { claims } from './claims.ts'
import { deadlines } from './deadlines.ts'
import { devices } from './devices.ts'
import { durable } from './durable.ts'
import { endsKnown } from './ends-known.ts'
import { groups } from './groups.ts'
import { images } from './images.ts'
import { inTime } from './in-time.ts'
import { leased } from './leased.ts'
import { memory } from './memory.ts'
import { once } from './once.ts'
import { onePlace } from './one-place.ts'
import { oneWriter } from './one-writer.ts'
import { operationsEnd } from './operations-end.ts'
import { quotas } from './quotas.ts'
import { reads } from './reads.ts'
import { register } from './register.ts'

export const CHECKERS: readonly Checker[] = [
  ...[onePlace, oneWriter, durable, operationsEnd, endsKnown, allocations, claims, devices, images, available, once, bounded, groups, memory, quotas],
  ...[agents, alerts, answersHold, byItsOwner, deadlines, inTime, leased, reads, register],
]
