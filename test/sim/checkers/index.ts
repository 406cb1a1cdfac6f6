/** All checkers; a new one is a file beside this and a line here. */
import { allocations } from './allocations.ts'
import { bounded } from './bounded.ts'
import type { Checker } from './checker.ts'
import { durable } from './durable.ts'
import { memory } from './memory.ts'
import { once } from './once.ts'
import { onePlace } from './one-place.ts'
import { oneWriter } from './one-writer.ts'
import { operationsEnd } from './operations-end.ts'

export const CHECKERS: readonly Checker[] = [onePlace, oneWriter, durable, operationsEnd, allocations, memory, once, bounded]
