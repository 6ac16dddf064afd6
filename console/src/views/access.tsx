/** Who may do what: keys, rights, quotas, and what was done. */
import { usePlace } from '../state/place.ts'
import { Tabs } from '../ui/tabs.tsx'
import { Audit } from './audit.tsx'
import { Keys } from './keys.tsx'
import { Quotas } from './quotas.tsx'
import { Rights } from './rights.tsx'

const tabs = [
  { id: 'keys', title: 'Keys' },
  { id: 'rights', title: 'Rights' },
  { id: 'quotas', title: 'Quotas' },
  { id: 'audit', title: 'Audit' },
] as const

const views = { keys: Keys, rights: Rights, quotas: Quotas, audit: Audit }

export function Access() {
  const { query } = usePlace()
  const tab = tabs.find(({ id }) => id === query.tab)?.id ?? 'keys'
  const View = views[tab]
  return (
    <section class={`page${tab === 'audit' ? ' fills' : ''}`}>
      <h1>Access</h1>
      <Tabs tabs={tabs} current={tab} path={['access']} />
      <View />
    </section>
  )
}
