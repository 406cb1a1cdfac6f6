/** One instance: what it is, what was done with it step by step, what its guest writes, and what can be done. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { InstanceBody } from '../../../actors/api.ts'
import { actionsFor } from '../actions.ts'
import { mebibytes } from '../format.ts'
import { useItems, useLive, useRows } from '../live.ts'
import { Act } from '../parts/act.tsx'
import { Agent } from '../parts/agent.tsx'
import { Card, Chip, Empty, FaultBox, Figures, Loading, Problem, When } from '../parts/bits.tsx'
import { Explain } from '../parts/explain.tsx'
import { Steps } from '../parts/operation-bits.tsx'
import { Screen, Serial } from '../parts/remote.tsx'
import { hrefOf } from '../route.ts'
import { mayAs } from '../session.ts'

const TABS = { '': 'About', serial: 'Serial', screen: 'Screen' } as const

export function Instance({ id, tab }: { id: string; tab: string }) {
  const { ask, session } = useLive()
  const { rows, fault } = useRows('instances', { id })
  if (fault) return <Problem fault={fault} />
  if (!rows) return <Loading what={`instance ${id}`} />
  const instance = rows[0]
  if (!instance) return <Empty>There is no instance {id}.</Empty>
  const path = `/compute/v2.1/servers/${encodeURIComponent(id)}`
  return (
    <>
      <h1>
        {instance.name} <Chip state={instance.vmState} /> {instance.taskState && <Chip state="running">{instance.taskState} …</Chip>}
      </h1>
      <div class="row">
        {actionsFor(session, instance).map(({ label, body, confirm }) => (
          <Act
            key={label}
            label={label}
            tone={body === null ? 'danger' : 'plain'}
            {...(confirm === undefined ? {} : { confirm })}
            run={() => (body === null ? ask('DELETE', path) : ask('POST', `${path}/action`, body))}
          />
        ))}
        {instance.locked && <span class="dim">Locked{instance.locked.reason && `: ${instance.locked.reason}`}</span>}
      </div>
      {instance.fault && <FaultBox fault={instance.fault} />}
      {mayAs(session, 'member') && (
        <nav class="tabs" aria-label="Of this instance">
          {Object.entries(TABS).map(([name, title]) => (
            <a key={name} href={hrefOf('instances', id, { tab: name })} aria-current={tab === name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
      )}
      {tab === 'serial' && <Serial id={id} />}
      {tab === 'screen' && <Screen id={id} />}
      {tab === '' && (
        <div class="cards">
          <About instance={instance} />
          {instance.agent && <Agent id={id} />}
          <History id={id} />
          {mayAs(session, 'admin') && <Landing instance={instance} />}
          <ConsoleLog id={id} host={instance.host} />
        </div>
      )}
    </>
  )
}

function About({ instance }: { instance: InstanceBody }) {
  const { flavor, placement, metadata, tags, devices } = instance
  const asked = placement && Object.entries(placement).map(([name, value]) => `${name} ${[value].flat().join(', ')}`)
  return (
    <Card title="What it is">
      <Figures
        of={[
          ['Id', <code>{instance.id}</code>],
          ['Host', instance.host === null ? '–' : <a href={hrefOf('hosts', instance.host)}>{instance.host}</a>],
          ['Power', instance.powerState ?? '–'],
          ['Flavor', `${flavor.name}: ${flavor.vcpus} vCPU, ${mebibytes(flavor.ramMb)}, ${flavor.diskGb} GB`],
          ['Image', instance.image || '–'],
          ['Project', instance.project],
          ['Created', <When at={instance.createdAt} />],
          ['Launched', <When at={instance.launchedAt} />],
          ['Changed', <When at={instance.updatedAt} />],
          ['HA', instance.ha ?? 'none'],
          ...(instance.origin ? ([['Came from', instance.origin.host]] as const) : []),
          ...(asked ? ([['Asked to be', asked.join('; ')]] as const) : []),
          ...(tags.length > 0 ? ([['Tags', tags.join(', ')]] as const) : []),
          ...(devices.disks.length > 0 ? ([['Disks', devices.disks.map(disk => disk.id).join(', ')]] as const) : []),
          ...Object.entries(metadata),
        ]}
      />
    </Card>
  )
}

function History({ id }: { id: string }) {
  const { rows, fault } = useRows('operations', { subject: id, limit: 100 })
  const [opened, setOpened] = useState<string | null>(null)
  if (fault) return <Problem fault={fault} />
  const newest = (rows ?? []).toSorted((a, b) => b.startedAt - a.startedAt)
  return (
    <Card title="History">
      {!rows && <Loading what="its operations" />}
      {rows?.length === 0 && <Empty>Nothing that is still kept was done with it.</Empty>}
      {newest.map((operation, i) => (
        <details
          key={operation.id}
          open={opened === null ? i === 0 : opened === operation.id}
          onToggle={event => event.currentTarget.open && i > 0 && setOpened(operation.id)}
        >
          <summary>
            <strong>{operation.kind}</strong> <Chip state={operation.status} /> <When at={operation.startedAt} />
          </summary>
          <Steps operation={operation} />
          <p>
            <a href={hrefOf('operations', operation.id)}>All of this {operation.kind}</a>
          </p>
        </details>
      ))}
    </Card>
  )
}

/** Pieces kept; the gateway keeps the end of it, too. */
const PIECES = 500

function ConsoleLog({ id, host }: { id: string; host: string | null }) {
  const { items, missed, fault } = useItems('console', { id }, PIECES, host !== null)
  const box = useRef<HTMLPreElement>(null)
  const text = items
    .slice(
      Math.max(
        0,
        items.findLastIndex(item => item.reset),
      ),
    )
    .map(item => item.text)
    .join('')
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight
  }, [text])
  return (
    <Card title="Console log" aside={<span class="dim">live, read only</span>} wide>
      {host === null && <Empty>It is on no host.</Empty>}
      {fault && <Problem fault={fault} />}
      {host !== null && !fault && text === '' && <Empty>Its guest has written nothing.</Empty>}
      {missed > 0 && <p class="dim">What was before is not kept.</p>}
      {text !== '' && (
        <pre ref={box} tabIndex={0} aria-label="What the guest has written">
          {text}
        </pre>
      )}
    </Card>
  )
}

function Landing({ instance }: { instance: InstanceBody }) {
  const [asked, setAsked] = useState(false)
  const zone = instance.placement?.zone
  return (
    <Card title="Where it would land now">
      {asked ? (
        <Explain flavor={instance.flavor.id} image={instance.image} zone={zone ?? ''} />
      ) : (
        <button type="button" onClick={() => setAsked(true)}>
          Ask the scheduler
        </button>
      )}
    </Card>
  )
}
