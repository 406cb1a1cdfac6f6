/** The agent in a guest and the backups there are for it, as they are from one moment to the next; and what can be done with them. */
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
/** Of these, ids in the newest first. */
const ASKED = 100
const CHIPS: Readonly<Record<string, string>> = {
  ...{ up: 'up', never: 'pending', off: 'calm', unknown: 'error' },
  ...{ ACTIVE: 'active', NEW: 'pending', BUILDING: 'building', FAILED: 'failed', ERROR: 'error', COMPLETED: 'done' },
}
const chip = (word: string) => <Chip state={CHIPS[word] ?? 'calm'}>{word}</Chip>

interface Seen {
  readonly guest: GuestBody | null
  /** Its own, and of others with the same service: what was there before an instance went is put into another. */
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
        const answers = await Promise.all([ask('GET', `/baton/v1/guests/${name}`), ask('GET', `/baton/v1/backups?limit=${ASKED}`)])
        const [{ guest }, { backups }] = answers as [{ guest: GuestBody }, { backups: BackupBody[] }]
        if (!isOver) setSeen({ guest, backups: backups.filter(each => concerns(guest, each)).slice(0, SHOWN), problem: null })
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

const concerns = ({ id, about }: GuestBody, { instance, service }: BackupBody): boolean => instance === id || service === about?.service

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
      {kinds.length > 0 && backups.length === 0 && <Empty>There is no backup for it.</Empty>}
      {backups.map(backup => (
        <Backup key={backup.id} backup={backup} into={id} canTake={guest?.agent === 'up' && kinds.length > 0} />
      ))}
    </Card>
  )
}

function Backup({ backup, into, canTake }: { backup: BackupBody; into: string; canTake: boolean }) {
  const { ask, session } = useLive()
  const { id, name, kind, state, sizeBytes, createdAt, instance, message } = backup
  const path = `/baton/v1/backups/${encodeURIComponent(id)}`
  const restore = () => ask('POST', `/baton/v1/guests/${encodeURIComponent(into)}/restore`, { backup: id })
  return (
    <div class="backup">
      {name} {chip(state)}{' '}
      <span class="dim">
        {kind}, {count(sizeBytes)} bytes{instance !== into && `, of instance ${instance}`},{' '}
      </span>
      <When at={createdAt} />
      {message && <p class="problem">{message}</p>}
      {mayAs(session, 'member') && (
        <div class="row">
          {state === 'COMPLETED' && canTake && (
            <Act label="Restore" confirm={`What its service has now is replaced by backup ${name}.`} run={restore} />
          )}
          <Act label="Delete" tone="danger" confirm={`Backup ${name} and its bytes are thrown away.`} run={() => ask('DELETE', path)} />
        </div>
      )}
    </div>
  )
}
