/** What differs between belief and truth, looked at when one asks; and its repair, through the owners. */
import { useState } from 'preact/hooks'
import type { FindingBody } from '../../../actors/doctor/report.ts'
import { count, duration, plural } from '../format.ts'
import { useAnswer, useLive } from '../live.ts'
import { Act } from '../parts/act.tsx'
import { Chip, Empty, Loading, When } from '../parts/bits.tsx'
import { hrefOf } from '../route.ts'
import { field, listIn } from '../session.ts'

const textOf = (value: unknown, name: keyof FindingBody): string => String(field(value, name) ?? '')

export function Doctor() {
  const { ask } = useLive()
  const { answer, error, again } = useAnswer('doctor', () => ask('GET', '/baton/v1/doctor'))
  const [repaired, setRepaired] = useState<unknown>(null)
  const report = field(repaired ?? answer, 'doctor')
  const findings = listIn(report, 'findings')
  const repairs = listIn(report, 'repairs')
  const looked = field(report, 'looked')
  return (
    <>
      <h1>Doctor</h1>
      <div class="row">
        <button
          type="button"
          onClick={() => {
            setRepaired(null)
            again()
          }}
        >
          Look again
        </button>
        {findings.some(finding => field(finding, 'repair') !== null) && (
          <Act
            label="Repair"
            confirm="It looks once more, and repairs what is still there, each through its owner. What only a person can do is left."
            run={async () => setRepaired(await ask('POST', '/baton/v1/doctor/repair', {}))}
          />
        )}
      </div>
      {error && <p class="problem">{error}</p>}
      {!report && !error && <Loading what="the truth of every side" />}
      {report !== undefined && report !== null && (
        <p class="dim">
          Looked <When at={Number(field(report, 'at'))} />, in {duration(Number(field(report, 'tookMs')))}, at{' '}
          {['hosts', 'guests', 'claims', 'instances', 'operations', 'actors'].map(name => `${count(Number(field(looked, name)))} ${name}`).join(', ')}
          .
        </p>
      )}
      {listIn(report, 'unseen').map(text => (
        <p key={String(text)} class="problem">
          Could not be looked at: {String(text)}
        </p>
      ))}
      {report && findings.length === 0 ? <Empty>Belief and truth are the same.</Empty> : null}
      <ul class="findings">
        {repairs.map((repair, i) => (
          <li key={i}>
            <Chip state={String(field(repair, 'outcome'))} /> {textOf(field(repair, 'finding'), 'code')} of{' '}
            {textOf(field(repair, 'finding'), 'subject')}: {String(field(repair, 'detail'))}
          </li>
        ))}
        {findings.map(finding => (
          <li key={`${textOf(finding, 'code')} ${textOf(finding, 'subject')}`}>
            <Chip state={textOf(finding, 'severity')} /> <strong>{textOf(finding, 'code')}</strong> <Subject of={textOf(finding, 'subject')} />
            <p>
              Believed: {textOf(finding, 'believed')}. Seen: {textOf(finding, 'seen')}.
            </p>
            <p class="dim">By itself: {textOf(finding, 'byItself')}</p>
            {textOf(finding, 'repair') && <p class="dim">Repair: {textOf(finding, 'repair')}</p>}
            {textOf(finding, 'command') && <code>{textOf(finding, 'command')}</code>}
          </li>
        ))}
      </ul>
      {Number(field(report, 'leftOff')) > 0 && <p class="dim">{plural(Number(field(report, 'leftOff')), 'more finding')} not listed.</p>}
    </>
  )
}

const VIEW_OF: Readonly<Record<string, string>> = { instance: 'instances', host: 'hosts', operation: 'operations' }

function Subject({ of }: { of: string }) {
  const [kind = '', ...id] = of.split('/')
  const view = VIEW_OF[kind]
  return view ? <a href={hrefOf(view, id.join('/'))}>{of}</a> : <span>{of}</span>
}
