/** The runtime-spec that this runtime follows: its newest fields are understood or refused by name. */
export const specVersion = '1.3.0';
