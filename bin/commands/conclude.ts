/** How a command ends that began one operation: it says what was begun, and with `--wait` follows it to its end. */
import { type Call, given } from '../call.ts'
import type { Client } from '../client/http.ts'
import { operationOf } from '../client/operations.ts'
import { failUnlessDone, watchAll } from '../client/wait.ts'
import { print } from '../output/table.ts'

/** `about` goes into the JSON beside instance, operation and status; `line` is what people read. */
export async function conclude(
  call: Call,
  client: Client,
  subject: { readonly id: string; readonly name: string },
  requestId: string | null,
  about: object,
  line: () => string,
): Promise<void> {
  const begun = await operationOf(client, subject.id, requestId)
  const ended = given(call.options, 'wait') ? await watchAll(client, [{ label: subject.name, operation: begun }]) : []
  const { id, status } = ended[0] ?? begun
  const result = { instance: subject.id, ...about, operation: id, status }
  print(given(call.options, 'json'), result, () => `${line()}: ${status}, operation ${id}`)
  failUnlessDone(ended)
}
