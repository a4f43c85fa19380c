/** The release that this source belongs to: the version in package.json, which a bundle does not have at hand. A test compares them. */
export const programVersion = '0.1.0';
