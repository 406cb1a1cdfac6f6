/** What the scheduler says to a request before it is made: which hosts fit, in its order, and why the others do not. */
import { plural } from '../format.ts'
import { useAnswer, useLive } from '../live.ts'
import { field, listIn } from '../session.ts'
import { Empty, Loading } from './bits.tsx'

const SHOWN = 12

export function Explain({ flavor, image, zone }: { flavor: string; image: string; zone: string }) {
  const { ask } = useLive()
  const body = { flavor, ...(image === '' ? {} : { image }), ...(zone === '' ? {} : { availability_zone: zone }) }
  const { answer, error } = useAnswer(JSON.stringify(body), () => ask('POST', '/baton/v1/schedule/explain', body))
  const explanation = field(answer, 'explanation')
  if (error) return <Empty>{error}</Empty>
  if (!explanation) return <Loading what="the scheduler's mind" />
  const fitting = Number(field(explanation, 'fitting'))
  return (
    <div class="explain">
      <p>
        <strong>{plural(fitting, 'host')}</strong> of {Number(field(explanation, 'hosts'))} {fitting === 1 ? 'fits' : 'fit'}:{' '}
        {String(field(explanation, 'wanted'))}
      </p>
      {listIn(explanation, 'nearest').map(text => (
        <p key={String(text)}>It would fit if: {String(text)}</p>
      ))}
      <ol>
        {listIn(explanation, 'verdicts')
          .slice(0, SHOWN)
          .map(verdict => (
            <li key={String(field(verdict, 'host'))} class={field(verdict, 'fits') === true ? 'good' : 'calm'}>
              <strong>{String(field(verdict, 'host'))}</strong>{' '}
              {field(verdict, 'fits') === true
                ? `fits, weight ${Math.round(Number(field(verdict, 'weight')) * 1000) / 1000}`
                : listIn(verdict, 'refusals')
                    .map(refusal => `${String(field(refusal, 'filter'))}: ${String(field(refusal, 'reason'))}`)
                    .join('; ')}
            </li>
          ))}
      </ol>
    </div>
  )
}
