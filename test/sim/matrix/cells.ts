/**
 * Which cells there are. No list says so: each operation of the catalogue is brought about in every way there is a recipe for,
 * without a strike, and what is met on that way is what is struck afterwards. A step (or undo) of the catalogue that no
 * recipe meets is a failure, for it would go untested.
 */
import { catalogue } from '../../../actors/operation/catalogue/index.ts'
import type { OperationSpec } from '../../../actors/operation/step.ts'
import { type Met, runCell, type Strike, TURNS, VICTIMS, type Victim, type Way } from './cell.ts'
import { type Recipe, recipesFor } from './recipes.ts'
import { type Ends, type Place, POINTS, placeOf, REPORT } from './tracker.ts'

export interface CellSpec {
  readonly recipe: Recipe
  readonly way: Way
  readonly strike: Strike
}

export interface Enumerated {
  readonly cells: readonly CellSpec[]
  /** What cannot be brought about, and why; empty when all is well. */
  readonly missing: readonly string[]
}

/** `resize (after stop), cancel at receive` */
export function scenarioOf({ recipe: { kind, path }, way }: Pick<CellSpec, 'recipe' | 'way'>): string {
  const turn = way.turn === 'none' ? '' : `, ${way.turn} at ${way.step}`
  return `${kind}${path.length === 0 ? '' : ` (after ${path.join(', ')})`}${turn}`
}

export const pointOf = ({ strike: { place, point } }: Pick<CellSpec, 'strike'>): string => `${place}:${point}`

export const KINDS: readonly string[] = [...catalogue().keys()]

export async function enumerate(kind: string): Promise<Enumerated> {
  const spec = catalogue().get(kind)
  const recipes = recipesFor(kind)
  if (!spec || recipes.length === 0) return { cells: [], missing: [`no recipe for ${kind}`] }
  const cells: CellSpec[] = []
  const missing: string[] = []
  const met = new Set<Place>()
  for (const [i, recipe] of recipes.entries()) {
    let turns = i < TURNED_RECIPES
    for (const way of waysOf(spec)) {
      if (way.turn !== 'none' && !turns) break
      const dry = await runCell(recipe, way, null)
      for (const violation of dry.violations) missing.push(`${scenarioOf({ recipe, way })}: ${violation}`)
      // What befalls it does so where a driver is asked.
      if (way.turn !== 'none' && !dry.turned) continue
      for (const place of dry.met.keys()) {
        if (!met.has(place)) turns = true
        met.add(place)
      }
      cells.push(...cellsOf(recipe, way, dry.met))
    }
  }
  for (const place of placesOf(spec)) if (!met.has(place)) missing.push(`no recipe reaches ${place} of ${kind}`)
  return { cells, missing }
}

/** Turns are made where drivers are told something, so nothing turns back behind an upload: there is no image store here. The seeds have one. */
const ELSEWHERE: ReadonlySet<Place> = new Set([placeOf('upload', 'undo')])

/** Places by which the catalogue's own steps are called. */
const placesOf = (spec: OperationSpec): Place[] =>
  spec.steps.flatMap(s => [s.name, ...(s.undo ? [placeOf(s.name, 'undo')] : [])]).filter(place => !ELSEWHERE.has(place))

const STRAIGHT: Way = { turn: 'none' }

/** Only the first recipes, and those that meet a step none before has met, are turned in every way: more has shown nothing more. */
const TURNED_RECIPES = 2

/** Straight through; and everything that may befall it, at each step. */
function waysOf({ kind, steps, cancellable }: OperationSpec): Way[] {
  // A delete for good is not deleted once more.
  const turns = TURNS.filter(turn => (turn !== 'cancel' || cancellable) && (turn !== 'delete' || kind !== 'delete'))
  return [STRAIGHT, ...steps.flatMap(({ name }) => turns.map(turn => ({ turn, step: name })))]
}

const isUndo = (place: Place): boolean => place.startsWith('undo-')

function cellsOf(recipe: Recipe, way: Way, met: Met): CellSpec[] {
  return [...met].flatMap(([place, { points, ends }]) => {
    // What comes before the turn is what it is on the way without.
    if (way.turn !== 'none' && !isUndo(place) && place !== REPORT && place !== way.step) return []
    return POINTS.filter(point => points.has(point)).flatMap(point =>
      VICTIMS.filter(victim => concerns(victim, ends, recipe)).map(victim => ({ recipe, way, strike: { place, point, victim } })),
    )
  })
}

/** A host can be struck when it is known and has not lost its power already. */
function concerns(victim: Victim, { source, target }: Ends, { darkHost }: Recipe): boolean {
  switch (victim) {
    case 'conductor':
    case 'all conductors':
      return true
    case 'source agent':
    case 'source host':
      return source !== null && !darkHost
    case 'target agent':
    case 'target host':
      return target !== null
  }
}
