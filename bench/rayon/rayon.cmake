# SPDX-License-Identifier: MIT
# Rayon's programs, made by Debian's cargo from Debian's crates: nothing is fetched. Left out where either is missing.
find_program(BENCH_CARGO cargo PATHS /usr/bin NO_DEFAULT_PATH)
find_program(BENCH_RUSTC rustc PATHS /usr/bin NO_DEFAULT_PATH)
set(BENCH_CRATES /usr/share/cargo/registry)
file(GLOB BENCH_RAYON_CRATE ${BENCH_CRATES}/rayon-1.*)
if(NOT BENCH_CARGO OR NOT BENCH_RUSTC OR NOT BENCH_RAYON_CRATE)
    message(STATUS "bench: Rayon, or cargo for it, is not found and is left out")
    return()
endif()
string(REGEX REPLACE ".*/rayon-([0-9.]+).*" "\\1" BENCH_RAYON_VERSION "${BENCH_RAYON_CRATE}")
execute_process(COMMAND ${BENCH_RUSTC} --version
    OUTPUT_VARIABLE BENCH_RUSTC_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE)

set(BENCH_RAYON ${CMAKE_CURRENT_BINARY_DIR}/rayon)
configure_file(rayon/Cargo.toml.in ${BENCH_RAYON}/Cargo.toml @ONLY)
set(BENCH_RAYON_PROGRAMS)
set(BENCH_RAYON_COPIES)
foreach(kernel IN ITEMS fib loop nqueens uts)
    list(APPEND BENCH_RAYON_PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/${kernel}/rayon)
    list(APPEND BENCH_RAYON_COPIES COMMAND ${CMAKE_COMMAND} -E copy
        ${BENCH_RAYON}/target/release/${kernel} ${CMAKE_CURRENT_BINARY_DIR}/${kernel}/rayon)
endforeach()
add_custom_command(
    OUTPUT ${BENCH_RAYON_PROGRAMS}
    COMMAND ${CMAKE_COMMAND} -E env RUSTC=${BENCH_RUSTC}
        CARGO_HOME=${BENCH_RAYON}/home
        BENCH_RAYON_VERSION=${BENCH_RAYON_VERSION} "BENCH_RUSTC_VERSION=${BENCH_RUSTC_VERSION}"
        ${BENCH_CARGO} --quiet build --release --offline --target-dir ${BENCH_RAYON}/target
        --config "source.crates-io.replace-with='debian'" --config "source.debian.directory='${BENCH_CRATES}'"
    ${BENCH_RAYON_COPIES}
    DEPENDS ${BENCH_RAYON}/Cargo.toml rayon/program.rs rayon/measure.rs
        rayon/fib.rs rayon/loop.rs rayon/nqueens.rs rayon/uts.rs
    WORKING_DIRECTORY ${BENCH_RAYON}
    COMMENT "cargo: Rayon's programs"
    VERBATIM)
add_custom_target(bench_rayon ALL DEPENDS ${BENCH_RAYON_PROGRAMS})
