/** The API key, for as long as the tab is open. It is never part of an address. */
import { signal } from '@preact/signals'

const place = 'kafka-do.key'

export const apiKey = signal(sessionStorage.getItem(place) ?? '')
/** Why a key is asked for; empty: none is. */
export const signInNeeded = signal('')

export function signIn(key: string): void {
  sessionStorage.setItem(place, key)
  apiKey.value = key
  signInNeeded.value = ''
}

export function signOut(): void {
  sessionStorage.removeItem(place)
  apiKey.value = ''
  signInNeeded.value = 'You have signed out.'
}
