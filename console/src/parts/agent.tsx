/** The agent in a guest and the backups it has made, as they are from one moment to the next. */
import { useEffect, useState } from 'preact/hooks'
import type { BackupBody, GuestBody } from '../../../actors/api.ts'
import { count } from '../format.ts'
import { useLive } from '../live.ts'
import { mayAs, messageOf } from '../session.ts'
import { Act } from './act.tsx'
import { Card, Chip, Empty, Figures, Loading, When } from './bits.tsx'

/** Neither is told of as it changes, so it is looked at while it is on the screen, ms. */
const LOOK_MS = 2000
const SHOWN = 20
const CHIPS: Readonly<Record<string, string>> = {
  ...{ up: 'up', never: 'pending', off: 'calm', unknown: 'error' },
  ...{ ACTIVE: 'active', NEW: 'pending', BUILDING: 'building', FAILED: 'failed', ERROR: 'error', COMPLETED: 'done' },
}
const chip = (word: string) => <Chip state={CHIPS[word] ?? 'calm'}>{word}</Chip>

interface Seen {
  readonly guest: GuestBody | null
  readonly backups: readonly BackupBody[]
  readonly problem: string | null
}

function useAgent(id: string): Seen | null {
  const { ask } = useLive()
  const [seen, setSeen] = useState<Seen | null>(null)
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const name = encodeURIComponent(id)
    const look = async (): Promise<void> => {
      try {
        const answers = await Promise.all([ask('GET', `/baton/v1/guests/${name}`), ask('GET', `/baton/v1/backups?instance=${name}`)])
        const [{ guest }, { backups }] = answers as [{ guest: GuestBody }, { backups: BackupBody[] }]
        if (!isOver) setSeen({ guest, backups: backups.slice(0, SHOWN), problem: null })
      } catch (error) {
        if (!isOver) setSeen(known => ({ guest: known?.guest ?? null, backups: known?.backups ?? [], problem: messageOf(error) }))
      }
      if (!isOver) timer = setTimeout(look, LOOK_MS)
    }
    void look()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [id])
  return seen
}

export function Agent({ id }: { id: string }) {
  const { ask, session } = useLive()
  const seen = useAgent(id)
  if (!seen) return <Loading what="its agent" />
  const { guest, backups, problem } = seen
  const kinds = guest?.about?.backups ?? []
  const backUp = (kind: string) => ask('POST', `/baton/v1/guests/${encodeURIComponent(id)}/backups`, { backup: { kind } })
  return (
    <Card title="Agent">
      {problem && <p class="problem">{problem}</p>}
      {guest && (
        <Figures
          of={[
            ['Heard', chip(guest.agent)],
            [
              'Service',
              <>
                {guest.about?.service ?? '–'} {chip(guest.status)}
              </>,
            ],
            ...(guest.message ? ([['It says', guest.message]] as const) : []),
            ['Program', guest.about?.agent ?? '–'],
            ['Changed', <When at={guest.updatedAt} />],
          ]}
        />
      )}
      {mayAs(session, 'member') && kinds.map(kind => <Act key={kind} label={`Back up (${kind})`} run={() => backUp(kind)} />)}
      {kinds.length > 0 && backups.length === 0 && <Empty>There is no backup of it.</Empty>}
      {backups.map(({ id: backup, name, kind, state, sizeBytes, createdAt }) => (
        <p key={backup}>
          {name} {chip(state)}{' '}
          <span class="dim">
            {kind}, {count(sizeBytes)} bytes,{' '}
          </span>
          <When at={createdAt} />
        </p>
      ))}
    </Card>
  )
}
