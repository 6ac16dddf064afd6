/** Rights, as Kafka has them. */
import { useState } from 'preact/hooks'
import { ask, askJson } from '../api/service.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { FormDialog } from '../ui/dialog.tsx'
import { LoadedAccess } from '../ui/loaded-access.tsx'
import { fits } from '../ui/name-list.tsx'
import { Empty } from '../ui/notices.tsx'

interface Acl {
  readonly principal: string
  readonly host: string
  readonly type: string
  readonly name: string
  readonly pattern: string
  readonly operation: string
  readonly permission: string
}

const operations = [
  ...['all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'clusterAction'],
  ...['describeConfigs', 'alterConfigs', 'idempotentWrite'],
]
const types = ['topic', 'group', 'cluster', 'transactionalId', 'delegationToken', 'user']

const blank: Acl = {
  principal: 'User:',
  host: '*',
  type: 'topic',
  name: '',
  pattern: 'literal',
  operation: 'read',
  permission: 'allow',
}

export function Rights() {
  const { query, change } = usePlace()
  const { q = '' } = query
  const needs = 'describe on the cluster'
  const acls = useResource('acls', (signal) =>
    askJson<{ acls: readonly Acl[] }>({ path: ['acls'], what: 'the rights', needs, signal }),
  )
  const [gone, setGone] = useState<Acl>()
  return (
    <>
      <div class="page-head">
        <input
          data-filter
          type="search"
          aria-label="Filter rights"
          placeholder="Filter  ( / )"
          value={q}
          onInput={(event) => change({ q: event.currentTarget.value })}
        />
        <button type="button" class="primary" onClick={() => change({ do: 'add' }, { push: true })}>
          New right
        </button>
      </div>
      <LoadedAccess resource={acls} what="the rights">
        {({ acls: all }) => {
          const shown = all.filter((acl) => fits(Object.values(acl).join(' '), q))
          if (shown.length === 0) return <Empty>There is no such right.</Empty>
          return (
            <div class="scrolls" role="region" aria-label="Rights" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th>Who</th>
                    <th>From</th>
                    <th>May</th>
                    <th>What</th>
                    <th>
                      <span class="unseen">Change</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((acl) => (
                    <tr key={Object.values(acl).join(' ')}>
                      <td class="mono">{acl.principal}</td>
                      <td class="mono">{acl.host === '*' ? 'anywhere' : acl.host}</td>
                      <td>
                        {acl.permission === 'deny' && <strong>not </strong>}
                        {acl.operation}
                      </td>
                      <td class="mono">
                        {acl.type} {acl.name}
                        {acl.pattern === 'prefixed' && '…'}
                      </td>
                      <td class="actions">
                        <button
                          type="button"
                          class="small danger"
                          aria-label={`Take away: ${acl.operation} on ${acl.type} ${acl.name} from ${acl.principal}`}
                          onClick={() => setGone(acl)}
                        >
                          Take away
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }}
      </LoadedAccess>
      {query.do === 'add' && (
        <AddRight
          onClose={() => change({ do: undefined })}
          onDone={() => {
            change({ do: undefined })
            acls.reload()
          }}
        />
      )}
      {gone && (
        <FormDialog
          title="Take a right away"
          action="Take away"
          isDangerous
          onClose={() => setGone(undefined)}
          onSubmit={async () => {
            const right = 'alter on the cluster'
            await ask({
              ...{ method: 'POST', path: ['acls:delete'], what: 'the right', needs: right },
              body: gone,
            })
            setGone(undefined)
            acls.reload()
          }}
        >
          <p>
            <code>{gone.principal}</code> {gone.permission === 'deny' ? 'is denied' : 'may'}{' '}
            <code>{gone.operation}</code> on <code>{`${gone.type} ${gone.name}`}</code>. From now on
            this no longer holds.
          </p>
        </FormDialog>
      )}
    </>
  )
}

function AddRight({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [acl, setAcl] = useState(blank)
  const set = (changes: Partial<Acl>) => setAcl({ ...acl, ...changes })
  const name = acl.type === 'cluster' ? 'kafka-cluster' : acl.name
  return (
    <FormDialog
      title="New right"
      action="Give"
      isReady={/^[A-Za-z]+:.+$/.test(acl.principal) && name !== ''}
      onClose={onClose}
      onSubmit={async () => {
        await ask({
          ...{ method: 'POST', path: ['acls'], what: 'the right', needs: 'alter on the cluster' },
          body: { acls: [{ ...acl, name }] },
        })
        onDone()
      }}
    >
      <label>
        <span>Who</span>
        <input
          value={acl.principal}
          spellcheck={false}
          onInput={(event) => set({ principal: event.currentTarget.value })}
        />
      </label>
      <Choice
        title="May, or may not"
        value={acl.permission}
        of={['allow', 'deny']}
        onChoose={(permission) => set({ permission })}
      />
      <Choice
        title="Operation"
        value={acl.operation}
        of={operations}
        onChoose={(operation) => set({ operation })}
      />
      <Choice title="On a" value={acl.type} of={types} onChoose={(type) => set({ type })} />
      {acl.type !== 'cluster' && (
        <>
          <label>
            <span>Name; * stands for all</span>
            <input
              value={acl.name}
              spellcheck={false}
              onInput={(event) => set({ name: event.currentTarget.value })}
            />
          </label>
          <Choice
            title="The name is"
            value={acl.pattern}
            of={['literal', 'prefixed']}
            onChoose={(pattern) => set({ pattern })}
          />
        </>
      )}
      <label>
        <span>From the address; * stands for all</span>
        <input
          value={acl.host}
          spellcheck={false}
          onInput={(event) => set({ host: event.currentTarget.value })}
        />
      </label>
    </FormDialog>
  )
}

function Choice({
  title,
  value,
  of,
  onChoose,
}: {
  title: string
  value: string
  of: readonly string[]
  onChoose: (value: string) => void
}) {
  return (
    <label>
      <span>{title}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {of.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  )
}
