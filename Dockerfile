# syntax=docker/dockerfile:1
# The image of the workers and the operator. `make image` packs the same content without Docker
# (e2e/src/cluster/hub-image.ts says what it is; this file only runs that).
# For the same bytes every time: SOURCE_DATE_EPOCH=0 docker buildx build --output type=oci,dest=hub.tar,rewrite-timestamp=true .

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm ci --no-fund --no-audit && npm run build && npx --no-install node e2e/dist/cluster/main.js stage /image

# Nothing but Node with its libraries and what it runs: no shell, no package manager.
FROM scratch
COPY --from=build /image /
ENV PATH=/usr/local/bin NODE_ENV=production MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
USER 65532:65532
WORKDIR /app
ENTRYPOINT ["node"]
