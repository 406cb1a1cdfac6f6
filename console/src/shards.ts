/** Who owned the shards, remembered for as long as the page is open, whichever view is shown. */
import { createContext } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { useRows } from './live.ts'
import { type Frame, remember } from './takeover.ts'

export interface Shards {
  readonly frames: readonly Frame[]
  /** Conductors in the order in which they were first seen: each keeps its colour. */
  readonly names: readonly string[]
}

export const ShardsContext = createContext<Shards>({ frames: [], names: [] })
export const useShards = (): Shards => useContext(ShardsContext)

/** Colours there are, in style/map.css. */
const COLOURS = 8
export const colourOf = (names: readonly string[], name: string | null): string =>
  name === null ? 'owner-none' : `owner-${names.indexOf(name) % COLOURS}`

export function useShardHistory(isWanted: boolean): Shards {
  const { rows } = useRows('shards', {}, isWanted)
  const [shards, setShards] = useState<Shards>({ frames: [], names: [] })
  const names = useRef<readonly string[]>([])
  useEffect(() => {
    if (!rows) return
    const owners = [...rows].sort((a, b) => Number(a.id) - Number(b.id)).map(({ node }) => node)
    const fresh = new Set(owners.filter(owner => owner !== null && !names.current.includes(owner)))
    names.current = [...names.current, ...[...fresh].filter(owner => owner !== null).sort()]
    setShards(({ frames }) => ({ frames: remember(frames, { at: Date.now(), owners }), names: names.current }))
  }, [rows])
  return shards
}
