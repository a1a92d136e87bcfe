# embed_text(<target> <symbol> <file>): compiles a text file into the target
# as `const char <symbol>[]` (NUL-terminated) and `const size_t <symbol>_bytes`
# (without the NUL). The build runs again when the file changes.
function(embed_text target symbol file)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${output}
                -DSYMBOL=${symbol} -P ${PROJECT_SOURCE_DIR}/cmake/embed_text_script.cmake
        DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed_text_script.cmake
        VERBATIM)
    target_sources(${target} PRIVATE ${output})
endfunction()
