/** What a container takes from a profile. */
export interface Inherited {
  readonly value: string;
  readonly profile: string;
}
